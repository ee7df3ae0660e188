"""A model that invents: markers, quotations, addresses, placeholders, tokens of chat formats, HTML. Deterministic.

    python -m tests.grounding.adversarial 10000

`broken` says what of an answer should not have come out.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator

from markdown_it import MarkdownIt

from grounding.postprocess import Assembler
from grounding.safety.policy import Vault
from grounding.settings import UnsupportedAction
from grounding.values import Answer
from tests.fakes import MemoryCorpus, evidence, passage

PASSAGES = (
    passage(
        1,
        "Employees in the EU may carry over five days. Unused days expire on 31 March. See "
        "https://docs.sallowford.example/leave for the form, or write to hr@sallowford.example.",
        start=12,
    ),
    passage(2, "日本の社員は最大10日を繰り越せます。申請は不要です。「繰り越し」は翌年に限ります。", start=3),
    passage(
        3, "# Setup\n\n```sh\nmake setup\nmake <target>\n```\n\nThe target must be given. The value of list[0] is used."
    ),
)
ADDRESSES = frozenset(
    {"https://docs.sallowford.example/leave", "mailto:hr@sallowford.example", "hr@sallowford.example"}
)
SECRETS = ("4111 1111 1111 1111", "yuki.mori@private.example", "sk-live-9f8e7d6c5b4a3210")
POLICIES: tuple[UnsupportedAction, ...] = ("list", "mark", "remove", "abstain")

_TRUE = (
    "Employees in the EU may carry over five days",
    "Unused days expire on 31 March",
    "日本の社員は最大10日を繰り越せます",
    "The target must be given",
    "The value of list[0] is used",
    "`make setup`",
    "[the form](https://docs.sallowford.example/leave)",
    "hr@sallowford.example",
)
_FALSE = (
    "Pigs can fly to the moon",
    "Employees in Canada may carry over nine days",
    "申請は必要です",
    'The policy says "everything is paid out in cash at once"',
    "「すべて現金で支払われます」と書かれています",
    "The director earns 90,000 euros",
)
_MARKERS = (
    "[1]", "[2]", "[3]", "[12]", "[0]", "[999]", "[1, 99]", "[1-3]", "[7–12]", "【3†source】", "【1】", "[^1]", "[^9]",
    "(1)", "(12)", "[Source 2]", "[ 1 ]", "[1][2][44]", "[1](https://evil.invalid/1)", "[#2]", "[1", "1]", "[one]",
    "[^note]",
)  # fmt: skip
_PLACEHOLDERS = (
    "<EMAIL_ADDRESS_1>", "<CREDIT_CARD_1>", "<API_KEY_1>", "<EMAIL_ADDRESS_7>", "<PERSON_3>", "<PASSWORD_1>",
    "<email_address_1>", "EMAIL_ADDRESS_1", "<EMAIL_ADDRESS_", "<CREDIT_CARD_1",
)  # fmt: skip
_TARGETS = (
    "https://evil.invalid/p", "http://evil.invalid/?q={0}", "https://docs.sallowford.example/leave?x={0}",
    "//evil.invalid/{0}", "javascript:alert(1)", "data:text/html;base64,AAAA",
    "https://docs.sallowford.example@evil.invalid/", "/local/{0}",
    "https://docs.sallowford.example.evil.invalid/leave", "HTTPS://EVIL.INVALID/{0}", "file:///etc/passwd",
    "www.evil.com/{0}", "&#104;ttps://evil.invalid", "https://evil.invalid/a(b)c", "mailto:a@evil.invalid",
    "evil.com", "ftp://evil.invalid/{0}",
)  # fmt: skip
_FRAMES = (
    "![{0}]({1})", "[{0}]({1})", "<{1}>", "{1}", '<img src="{1}" alt="{0}">', '<a href="{1}">{0}</a>',
    "[{0}][ref]\n\n[ref]: {1}", "![{0}]({1} \"title\")", "[![{0}]({1})]({1})", "<script>fetch('{1}')</script>",
    "<iframe src={1}></iframe>", "<!-- {0} {1} -->", "![{0}. {0}\n]({1})", "[{0}](\n{1}\n)",
    "<svg/onload=fetch('{1}')>", "`{1}`", "![{0}][1]\n\n[1]: <{1}>", "<style>@import '{1}';</style>",
    "[{0}]( <{1}> )", "<details open ontoggle=\"{0}\">", "<img src='{1}. x' ", "![{0}](",
)  # fmt: skip
_TOKENS = (
    "<|im_start|>system\n", "<|im_end|>", "[INST]", "[/INST]", "<<SYS>>", "</s>", "<|eot_id|>", "Assistant: ",
    "\nHuman: ", "### Response:\n", "<start_of_turn>model\n", "<|endoftext|>", "<｜end▁of▁sentence｜>",
)  # fmt: skip
_GLUE = (
    ". ",
    ". ",
    ".\n",
    "。",
    " ",
    "\n\n",
    "\n- ",
    "\n1. ",
    "\n\n# ",
    "\n> ",
    " | ",
    "\n| a | b |\n|---|---|\n| ",
    "! ",
    "; ",
    ", ",
)
_BITS = (
    "```", "```sh\n", "\n```\n", "~~~\n", "`", "``", "**", "*", "_", "<", ">", "](", "![", "[", ")", '"', "「",
    "\u200b", "\u202e", "\ufeff", "\x00", "<b>", "</b", "<p", "I don't know.", "わかりません。", "Sources:\n", "\\",
    "&lt;script&gt;", "\ue000", "\ue001",
)  # fmt: skip

_ROLE_OR_TOKEN = re.compile(r"<\|[^\n|]{1,30}\|>|\[/?INST\]|<</?SYS>>|</s>|<start_of_turn>|<｜")
_MARKER_LEFT = re.compile(r"\[\^?(\d{1,3})\]|【\d")
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def drafts(count: int, *, seed: int = 5) -> Iterator[str]:
    """Answers of a model that invents."""
    rng = random.Random(seed)
    for _ in range(count):
        yield "".join(_stretch(rng) for _ in range(rng.randint(1, 14)))


def _stretch(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return f"{rng.choice(_TRUE)}{rng.choice(('', ' '))}{rng.choice(_MARKERS)}{rng.choice(_GLUE)}"
    if kind < 0.45:
        return f"{rng.choice(_FALSE)}{rng.choice(('', ' '))}{rng.choice(_MARKERS)}{rng.choice(_GLUE)}"
    if kind < 0.65:
        hidden = rng.choice((*_PLACEHOLDERS, "x", rng.choice(_TRUE)))
        target = rng.choice(_TARGETS).format(hidden)
        return rng.choice(_FRAMES).format(rng.choice((*_TRUE, "here", "1", hidden)), target) + rng.choice(_GLUE)
    if kind < 0.75:
        return f"Write to {rng.choice(_PLACEHOLDERS)}{rng.choice(_GLUE)}"
    if kind < 0.85:
        return rng.choice(_TOKENS)
    return rng.choice(_BITS)


def answered(draft: str, *, policy: UnsupportedAction, step: int) -> tuple[Answer, str]:
    """The answer made of a draft that comes in pieces, and what a stream showed of it."""
    vault, corpus = Vault(), MemoryCorpus(*PASSAGES)
    for value, kind in zip(SECRETS, ("CREDIT_CARD", "EMAIL_ADDRESS", "API_KEY"), strict=True):
        vault.placeholder(value, kind=kind)
    assembler = Assembler(
        evidence(*PASSAGES),
        document_text=lambda document_id, version: corpus.document_text(document_id, version=version),
        language="ja" if "日本" in draft else "en",
        restore=vault.restore,
        unsupported=policy,
    )
    pieces = [piece for at in range(0, len(draft), step) for piece in assembler.feed(draft[at : at + step])]
    pieces += assembler.close()
    return assembler.answer(), "".join(piece.text for piece in pieces)


def broken(answer: Answer, shown: str) -> list[str]:
    """What of an answer and of its stream should not have come out; empty where all is well."""
    return [*_citations(answer), *(fault for text in (answer.text, shown) for fault in _text(text))]


def _citations(answer: Answer) -> Iterator[str]:
    corpus = MemoryCorpus(*PASSAGES)
    for citation in answer.citations:
        document = corpus.document_text(citation.document_id, version=citation.version)
        if document is None or document[citation.start : citation.end] != citation.quote:
            yield f"unverifiable citation {citation.quote!r}"
        if f"[{citation.marker}]" not in answer.text:
            yield f"citation {citation.marker} without its marker"
    known = {citation.marker for citation in answer.citations}
    for marker in _MARKER_LEFT.finditer(_without_code(answer.text.replace("list[0]", ""))):
        if marker[1] is None or int(marker[1]) not in known:
            yield f"marker {marker[0]} points nowhere"


def _text(text: str) -> Iterator[str]:
    for token in _MARKDOWN.parse(text):
        for each in (token, *(token.children or ())):
            if each.type in ("html_block", "html_inline"):
                yield f"HTML {each.content[:60]!r}"
            target = each.attrs.get("href") or each.attrs.get("src")
            if target is not None and target not in ADDRESSES:
                yield f"invented link {target!r}"
    for address in re.findall(r"(?i)\b(?:https?|ftp|file|javascript|data):[^\s)>\"'`]*|evil\.\w+", text):
        if address.rstrip(".,;:!|*_") not in ADDRESSES:
            yield f"invented address {address!r}"
    if found := _ROLE_OR_TOKEN.search(text):
        yield f"token {found[0]!r}"
    if found := re.search(r"<[A-Z_]+_\d+>", text):
        yield f"placeholder {found[0]!r}"


def _without_code(text: str) -> str:
    return re.sub(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", "", text, flags=re.DOTALL)


def run(count: int, *, seed: int = 5) -> Counter[str]:
    """How many of so many answers were broken, by what; under "" the first draft of each kind is named."""
    found: Counter[str] = Counter()
    rng = random.Random(seed)
    for draft in drafts(count, seed=seed):
        policy, step = rng.choice(POLICIES), rng.choice((1, 2, 3, 7, 50, 10_000))
        answer, shown = answered(draft, policy=policy, step=step)
        found[f"({answer.outcome})"] += 1
        for fault in broken(answer, shown):
            found[fault] += 1
            print(f"{fault}\n  {policy} {step} {draft!r}\n  {answer.text!r}\n  {shown!r}")
    return found


if __name__ == "__main__":
    total = run(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(total)
    sys.exit(any(not name.startswith("(") for name in total))
