"""A model's text -> the same without what a page would load, link to or run, unless the evidence has it. Pure.

Images and links to addresses that no source has lose them, and so do bare addresses: what a model was told to send
somewhere would go that way. HTML is taken out; within code it stays where a source has that code. What is left over of
a link or a tag that was cut in two is made so that no reader takes it for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

REMOVED = "…"
"""Stands for an address that was taken out."""

_TOP = (
    "com|org|net|edu|gov|mil|info|biz|io|ai|app|dev|xyz|site|online|cloud|example|jp|uk|de|fr|nl|eu|ru|cn|br|au|ca|kr"
)
_WORDLIKE = "me|it|in|at|us|co|tv|top|link|click|club|test|be|es|so|is|to|no|int|local|localhost|[a-z]{2,24}"
"""Names of hosts may end in these, but so does "work.It": they count with a path behind them."""
_ENDS = r"[!#-&(-;=?-\[\]_a-z~]"
_RUN = rf"(?:{_ENDS}|<[A-Za-z_]{{1,40}}_\d{{1,6}}>)"
"""Of an address; a placeholder for a private value may stand in it, and goes with it."""
_START = r"(?<![A-Za-z\d])"
_SCHEMES = r"javascript:|vbscript:|data:[a-z]{2,20}/|mailto:|tel:\+?\d|file:/|blob:"
_MAILBOX = r"[A-Za-z\d._%+-]{1,64}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63}){1,5}"
_HOST = (
    rf"[A-Za-z\d][A-Za-z\d-]{{0,62}}(?:\.[A-Za-z\d-]{{1,63}}){{0,4}}"
    rf"\.(?:(?:{_TOP})(?![A-Za-z\d]|-[A-Za-z\d]|\.[A-Za-z\d])|(?:{_WORDLIKE})(?=(?::\d{{1,5}})?/))"
)
_ADDRESS = re.compile(
    rf"{_START}(?:[a-z][a-z\d+.-]{{1,15}}:/{{2,3}}|(?:{_SCHEMES})|(?<!/)//(?=[A-Za-z\d-]{{1,63}}\.)|www\.){_RUN}{{1,2000}}"
    rf"|{_MAILBOX}|{_START}(?<![.@-]){_HOST}(?:[:/?#]{_RUN}{{0,2000}})?",
    re.IGNORECASE,
)
"""Schemes, mailboxes and hosts are of ASCII letters: Japanese stands right beside them."""
_TRAILING = ".,;:!?*_~)"
_IMAGE = re.compile(r"!\[([^\[\]]{0,400})\]\s{0,2}\(\s{0,2}<?([^()<>\s]{0,2000})>?[^()]{0,200}\)")
_LINK = re.compile(r"(?<!!)\[([^\[\]]{0,400})\]\(\s{0,2}<?([^()<>\s]{0,2000})>?[^()]{0,200}\)")
_DEFINITION = re.compile(
    r"^[ ]{0,3}\[[^\[\]\n]{1,200}\]:[ \t]{0,4}(?:<[^<>\n]{0,2000}>|\S{1,2000})[^\n]{0,300}$", re.MULTILINE
)
_REST = re.compile(r"[^\s<>()\"'`]{0,2000}")
_AUTOLINK = re.compile(r"<((?:[a-z][a-z\d+.-]{1,15}:|[A-Za-z\d._%+-]{1,64}@)[^<>\s]{1,2000})>", re.IGNORECASE)
_IMAGE_REFERENCE = re.compile(r"!(?=\[)")
_LEFT_LINK = re.compile(r"\](?=\()")
_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,800})(?<!`)\1(?!`)")
_ACTIVE = re.compile(
    r"<(script|style|iframe|object|template|svg|math)\b[^<>]{0,2000}>[^<]{0,4000}</\1\s{0,4}>"
    r"|<!--[^<>]{0,4000}-->|<!\[CDATA\[[^<>]{0,4000}\]\]>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?(?![A-Za-z]{1,40}(?:\\?[_ ][A-Za-z]{1,40}){0,5}\\?[_ ]\d{1,6}\\?>)[A-Za-z!?][^<>]{0,2000}>")
_LEFT_TAG = re.compile(
    r"<(?=[/!?]?[A-Za-z!?-]|[|｜<])(?![A-Za-z]{1,40}(?:\\?[_ ][A-Za-z]{1,40}){0,5}\\?[_ ]\d{1,6}\\?>)"
)
_MASKS = 0xF0000
"""Of private characters, each of which stands for a stretch that stays as it is."""
_PRIVATE = re.compile("[\ue000\U000f0000-\U000ffffd]")


def addresses(texts: Iterable[str]) -> frozenset[str]:
    """The addresses that texts have, as `defused` compares them: of pages, of mailboxes, and the hosts of these."""
    found = {_plain(address) for text in texts for match in _ADDRESS.finditer(text) for address in _readings(match)}
    return frozenset(found | {_host(address) for address in found})


def defused(text: str, *, known: Collection[str], is_code: Callable[[str], bool]) -> tuple[str, bool]:
    """The text with no address that is not `known`, no images but those, and no HTML but in code spans that `is_code`
    knows; and whether it had such an address."""
    kept: list[str] = []
    lost: list[str] = []

    def keep(stretch: str) -> str:
        kept.append(_PRIVATE.sub(unmasked, stretch))
        return chr(_MASKS + len(kept) - 1)

    def unmasked(match: re.Match[str]) -> str:
        return kept[ord(match[0]) - _MASKS]

    def link(match: re.Match[str]) -> str:
        if _plain(match[2]) in known and not _ADDRESS.search(match[1]):
            return keep(f"{'!' if match[0][0] == '!' else ''}[{_without_html(match[1])}]({match[2]})")
        lost.append(match[2])
        return "" if match[1].strip().isdigit() else match[1]

    def definition(match: re.Match[str]) -> str:
        target = match[0].split("]:", 1)[1].split()[0].strip("<>")
        if _plain(target) in known:
            return match[0]
        lost.append(target)
        return ""

    def address(match: re.Match[str]) -> str:
        body = match[0].rstrip(_TRAILING)
        if _plain(body) in known:
            return match[0]
        lost.append(body)
        return REMOVED + match[0][len(body) :]

    text = _PRIVATE.sub("", text)
    text = _CODE.sub(lambda m: keep(f"`{m[2]}`") if is_code(m[2]) else f"\ue000{m[2]}\ue000", text)
    text = text.replace("`", "'").replace("\ue000", "`")
    text = _DEFINITION.sub(definition, _LINK.sub(link, _IMAGE.sub(link, text)))
    text = _ADDRESS.sub(address, _without_html(_AUTOLINK.sub(r"\1", text)))
    text = _LEFT_LINK.sub("] ", _IMAGE_REFERENCE.sub("", text))
    return _PRIVATE.sub(unmasked, text), bool(lost)


def _without_html(text: str) -> str:
    return _LEFT_TAG.sub("‹", _TAG.sub("", _ACTIVE.sub("", text))) if "<" in text else text


def _readings(match: re.Match[str]) -> tuple[str, str]:
    """An address as far as it is ASCII, and as far as there is no space: what follows may be of it or not."""
    return match[0], match[0] + _REST.match(match.string, match.end())[0]  # type: ignore[index]


def _host(address: str) -> str:
    return re.split(r"[/?#]", address.split("://", 1)[-1], maxsplit=1)[0]


def _plain(address: str) -> str:
    address = address.rstrip(_TRAILING)
    return address.removeprefix("mailto:").removesuffix("/").casefold()
