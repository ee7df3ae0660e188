"""A model's text -> the same text, well-formed: spacing, punctuation, Markdown, loops, a cut-off end. Pure.

`sentence` mends one stretch of an answer while it is streamed; `Repeats` and `Numbering` remember what came before it;
`is_cut_off` and `closing` say what to do about its end; `whole` is all of these for an answer that is there already.
Quotes, code, numbers, addresses, citations, placeholders and tables stay as they are, letter by letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from grounding.segment import sentences

_ROUNDS = 8
"""More than any text was seen to need; a limit, so that the time is bounded whatever comes."""
_MASK = "\x00"
"""Stands for a stretch that stays as it is while the rest is mended; control characters are gone by then."""

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")

_FENCE = re.compile(r"[ \t>]{0,12}(`{3,}|~{3,})([^`\n]*)$")
_CODE_SPAN = (
    r"(?<!`)`(?!`)(?:[^`\n]|`{2,8}(?!`)){1,800}(?<!`)`(?!`)"
    r"|(?<!`)``(?!`)(?:[^`\n]|`(?!`)|`{3,8}(?!`)){1,800}(?<!`)``(?!`)"
)
_IN_URL = r"[^\s<>\"`()\[\]“”«»「」『』（）]{1,2000}"
_URL = rf"(?:https?|ftp)://{_IN_URL}|(?<!\w)www\.{_IN_URL}|[\w.+-]{{1,64}}@[\w.-]{{1,253}}"
_TARGET = r"\]\([^()\s]{0,2000}\)"
_MARKER = r"\[\^?\d{1,3}(?:[ \t]{0,3}[,、–-][ \t]{0,3}\d{1,3}){0,20}\]|【[^】\n]{1,40}】"
_PLACEHOLDER = r"<[A-Z][A-Z_]{1,40}_\d{1,6}>|&\#?\w{1,8};"
_QUOTE = (
    r"\"[^\"\n]{1,800}\"|“[^“”\n]{1,800}”|「[^「」\n]{1,800}」|『[^『』\n]{1,800}』|«[^«»\n]{1,800}»|„[^„“”\n]{1,800}[“”]"
    r"|(?<![\w'])'[^'\n]{1,200}'(?!\w)|(?<!\w)‘[^‘’\n]{1,200}’(?!\w)"
)
_HALF_QUOTE = (
    r"[\"“「『«„][^\"“”「」『』«»\n]{1,800}$|\A[^\"“”「」『』«»\n]{1,800}(?:(?<=\S)\"(?=[\s.,;:!?)\]]|\Z)|[”」』»])"
)
"""Of a quote that began in the sentence before, or goes on in the next."""
_INDENTED = r"(?:[ ]{4}|\t)(?![ \t]{0,12}(?:[-*+•]|\d{1,3}[.)])[ \t])"
_LINES = rf"^[ \t]{{0,3}}\|[^\n]*$|^(?=[^\n]{{0,400}}[ \t]\|[ \t])[^\n]+$|^{_INDENTED}[^\n]+$"
"""Rows of a table, and indented code."""
_QUOTED = re.compile(rf"{_CODE_SPAN}|{_QUOTE}", re.MULTILINE)
_ADDRESSED = re.compile(rf"{_LINES}|{_CODE_SPAN}|{_TARGET}|{_URL}", re.MULTILINE)
_KEPT = re.compile(
    rf"{_LINES}|{_CODE_SPAN}|{_TARGET}|{_PLACEHOLDER}|{_URL}|{_MARKER}|{_QUOTE}|{_HALF_QUOTE}", re.MULTILINE
)

_ROLES = r"system|user|assistant|model|human|developer|tool"
_TOKEN = (
    rf"(?:<\|(?:im_start|start_header_id)\|>|<start_of_turn>)\s{{0,4}}(?:{_ROLES})\b(?:<\|end_header_id\|>)?\n{{0,2}}"
    r"|<[|｜][^|｜<>\n]{1,40}[|｜]>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"
    r"|</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|im_start|im_end)>"
)
_TEMPLATE = re.compile(rf"^(?:(?:{_TOKEN})[ \t]{{0,8}}){{1,20}}|{_TOKEN}", re.IGNORECASE | re.MULTILINE)
"""Source: the templates of ChatML, Llama 2 to 4, Mistral, Gemma, DeepSeek, Phi and Qwen."""
_ROLE = re.compile(
    rf"^[ \t]{{0,8}}(?:\#{{1,6}}[ \t]{{0,4}}(?:{_ROLES}|response|answer|instruction|input)[ \t]{{0,4}}[:：]"
    r"|(?:assistant|human|answer|アシスタント)[ \t]{0,4}[:：]"
    r"|(?-i:ASSISTANT|USER|SYSTEM|HUMAN|AI)[ \t]{0,4}[:：]|(?:user|system)[ \t]{0,4}[:：][ \t]*$)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_BRACKETS_OF_TOKENS = str.maketrans("", "", "<>|｜[]")

_NOT = re.compile(r"(?<=[A-Za-z])[ ](?=n['’]t\b)", re.IGNORECASE)
_CONTRACTION = re.compile(r"(?<=[A-Za-z\x00])[ ](?=['’](?:s|re|ve|ll|d|m)\b(?!['’]))", re.IGNORECASE)
_PENN_QUOTES = re.compile(r"``[ \t]?([^`'\n]{1,400}?)[ \t]?''")
_WORD_PIECE = re.compile(r"(?<=\w)[ ]##(?=\w)")
_LOWER_BLOCK = re.compile(r"[ \t]?▁(?=\w)")
_SPACES = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_OPENED = re.compile(r"(?<=\()[ \t]{1,8}(?=[^\s)])")
_CLOSED = re.compile(r"(?<=[^\s(])[ \t]{1,8}(?=\))")
_BEFORE_ALL = re.compile(
    r"(?<=[^\s\d*+•#>|-])[ \t]{1,8}(?=[,!?.](?:[\s)\]”’»]|\Z)|[;:](?:\s|\Z))"
    r"|(?<=\d)[ \t]{1,8}(?=[,;:!?.](?:[ \t]{1,8}[^\s\d]|\n|\Z))"
)
_BEFORE_COMMA = re.compile(
    r"(?<=[^\s\d*+•#>|-])[ \t]{1,8}(?=[,.](?:[\s)\]”’»]|\Z))|(?<=\d)[ \t]{1,8}(?=[,.](?:[ \t]{1,8}[^\s\d]|\n|\Z))"
)
_TWO_STOPS = re.compile(r"(?<=[^\W\d_])\.\.(?=\s|\Z)|(?<=\w),,(?=\s)|(?<!。)。。(?!。)|、、")
_WORD_LOOP = re.compile(r"\b([^\W\d_]{1,30}(?:[ ][^\W\d_]{1,30}){0,7})(?:[ ]\1\b){3,}", re.IGNORECASE)
_KANA_LOOP = re.compile(r"([\u3001\u3041-\u30ff\u4e00-\u9fff]{2,20}?)\1{4,}")
_HEADING = re.compile(r"^(\#{2,6})(?=[^\s#\x00])|^(\#)(?=[A-Z][a-z]+[ ]|[\u3041-\u9fff])", re.MULTILINE)

_HIRAGANA = "\u3041-\u309f"
_JAPANESE = "\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_ENDS_SENTENCE = rf"(?=[ \t]?(?:[{_JAPANESE}「『（）」』\x00)*]|\s|\Z))"
_FULL_WIDTH = (
    (re.compile(rf"(?<=[{_JAPANESE}」』）]),[ \t]?(?=[{_JAPANESE}「『（])"), "、"),
    (re.compile(rf"(?<=[{_JAPANESE}」』）])\.{_ENDS_SENTENCE}"), "。"),
    (re.compile(rf"(?<=[{_JAPANESE}」』）])\?{_ENDS_SENTENCE}"), "？"),
    (re.compile(rf"(?<=[{_JAPANESE}」』）])!{_ENDS_SENTENCE}"), "！"),
    (re.compile(r"｡"), "。"),
    (re.compile(r"､"), "、"),
    (re.compile(rf"(?<=[、。，．！？）」』】])[ \t]{{1,8}}(?=[{_JAPANESE}])"), ""),
    (re.compile(rf"(?<=[{_JAPANESE}\x00)）」』])[ \t]{{1,8}}(?=[、。，．！？）」』】])"), ""),
    (re.compile(r"(?<=[（「『【])[ \t]{1,8}(?=\S)"), ""),
)
_PARTICLE_GAP = re.compile(
    rf"(?<=[{_HIRAGANA}])[ \t]{{1,8}}(?=[{_JAPANESE}])|(?<=[{_JAPANESE}])[ \t]{{1,8}}(?=[{_HIRAGANA}])"
)
_GAP = re.compile(rf"(?<=[{_JAPANESE}])[ \t]{{1,8}}(?=[{_JAPANESE}])")
_TOKENISED = 2
"""Spaces beside particles in one line from which on its other spaces are no separators either: 東京 大阪 stays."""

_NARROW = "\u202f"
_ELISION = re.compile(r"(?<!\w)((?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’])[ ](?=\w)", re.IGNORECASE)
_HIGH_SIGN = re.compile(r"(?<=[\w)”\x00])(?=[;!?]{1,3}(?:[\s”)]|\Z))|(?<=[^\W\d])(?=:(?:\s|\Z))")
_GUILLEMETS = re.compile(r"(?<=«)(?=[^\s«»])|(?<=[^\s«»])(?=»)")


def sentence(text: str, *, language: str) -> str:
    """One finished stretch of an answer, mended: no control characters, role markers and tokens of chat formats;
    spaces and punctuation as the language has them. Idempotent; well-formed text stays as it is."""
    text = _CONTROL.sub("", _LINE_ENDS.sub("\n", text))
    for _ in range(_ROUNDS):
        before = text
        text = "".join(stretch if is_code else _mended(stretch, language) for stretch, is_code in _blocks(text))
        if text == before:
            return text
    # Tokens within tokens, deeper than any model writes them by mistake.
    return text.translate(_BRACKETS_OF_TOKENS) if _TEMPLATE.search(text) else text


def _mended(text: str, language: str) -> str:
    text, kept = _masked(text, _QUOTED)
    text = _unmasked(_ROLE.sub("", _TEMPLATE.sub("", text)), kept)
    if language == "fr":
        text, kept = _masked(text, _ADDRESSED)
        text = _unmasked(_GUILLEMETS.sub(_NARROW, text), kept)
    text, kept = _masked(_PENN_QUOTES.sub(r'"\1"', text), _KEPT)
    text = _LOWER_BLOCK.sub(lambda match: " " if match.start() else "", _WORD_PIECE.sub("", text))
    text = _SPACES.sub(" ", text)
    text = _CONTRACTION.sub("", _NOT.sub("", text))
    text = _CLOSED.sub("", _OPENED.sub("", text))
    text = (_BEFORE_COMMA if language == "fr" else _BEFORE_ALL).sub("", text)
    text = _TWO_STOPS.sub(lambda match: match[0][0], text)
    text = _KANA_LOOP.sub(r"\1", _WORD_LOOP.sub(r"\1", text))
    text = _HEADING.sub(lambda match: f"{match[0]} ", text)
    if language == "ja":
        text = _in_japanese(text)
    elif language == "fr":
        text = _HIGH_SIGN.sub(_NARROW, _ELISION.sub(r"\1", text))
    return _unmasked(text, kept)


def _in_japanese(text: str) -> str:
    for pattern, instead in _FULL_WIDTH:
        text = pattern.sub(instead, text)
    return "\n".join(
        (_GAP if len(_PARTICLE_GAP.findall(line)) >= _TOKENISED else _PARTICLE_GAP).sub("", line)
        for line in text.split("\n")
    )


def _masked(text: str, pattern: re.Pattern[str]) -> tuple[str, list[str]]:
    """The text with a mask for each stretch that the pattern finds, and these."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return _MASK

    return pattern.sub(keep, text), kept


def _unmasked(text: str, kept: Sequence[str]) -> str:
    pieces = text.split(_MASK)
    return pieces[0] + "".join(stretch + piece for stretch, piece in zip(kept, pieces[1:], strict=True))


def _blocks(text: str) -> list[tuple[str, bool]]:
    """The text cut where fenced code begins and ends: (stretch, whether it is code). An open fence runs to the end."""
    blocks: list[tuple[str, bool]] = []
    lines: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line.rstrip("\n"))
        if found and not fence:
            blocks.append(("".join(lines), False))
            lines, fence = [line], found[1]
        elif found and fence and found[1].startswith(fence) and not found[2].strip():
            blocks.append(("".join([*lines, line]), True))
            lines, fence = [], ""
        else:
            lines.append(line)
    blocks.append(("".join(lines), bool(fence)))
    return [block for block in blocks if block[0]]


def open_fence(text: str) -> str:
    """The fence of the code that the text ends in, such as ``` or ~~~~; "" where it does not end in fenced code."""
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence) and not found[2].strip():
            fence = ""
    return fence


_ITEM = re.compile(r"[ \t]{0,12}(?:[-*+•・]|(\d{1,3})[.)])(?=[ \t])")
_STRUCTURE = re.compile(
    r"[ \t]{0,12}(?:\#{1,6}[ \t]|\||>|[-*+•・][ \t]|\d{1,3}[.)][ \t]|`{3}|~{3}|(?:-{3,}|\*{3,})[ \t]*$)|(?:[ ]{4}|\t)",
)
_UNREPEATED = re.compile(rf"[ \t]{{0,3}}[#|>]|{_INDENTED}")
_WORD = re.compile(r"[^\W_]+")
_MARKERS = re.compile(_MARKER)
_LEADING = frozenset(
    "also and so then thus therefore moreover furthermore additionally however indeed the a an".split()
)
_JAPANESE_LEADING = re.compile(r"^(?:また|そして|なお|つまり|さらに|したがって)[、,]?")
_UNSPACED = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_LOOP_WORDS, _LOOP_LETTERS = 5, 12
"""From which length on a sentence that comes again later is a loop, in words or, of Japanese, in letters."""
_ECHO_WORDS, _ECHO_LETTERS = 2, 5
"""The same for one that comes again at once."""


class Repeats:
    """Tells sentences that an answer said before. One per answer."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._last = ""
        self._fence = ""

    def is_repeat(self, text: str) -> bool:
        """Whether this sentence says, in the same words, what the last one did or, if it is long, any before it.

        Remembers it. Numbers and names count, articles and markers do not; code, headings and tables never repeat.
        """
        if self._fence or "```" in text or "~~~" in text:
            self._fence = open_fence(f"{self._fence}\n{text}" if self._fence else text)
            return False
        if _UNREPEATED.match(text):
            return False
        words = _said(text)
        key, letters = " ".join(words), sum(map(len, words))
        japanese = bool(_UNSPACED.search(key))
        enough = (letters >= _ECHO_LETTERS) if japanese else (len(words) >= _ECHO_WORDS)
        long = (letters >= _LOOP_LETTERS) if japanese else (len(words) >= _LOOP_WORDS)
        repeat = (enough and key == self._last) or (long and key in self._said)
        self._said.add(key)
        if words:
            self._last = key
        return repeat


def _said(text: str) -> list[str]:
    """The words of a sentence without case, punctuation, markers, bullets, articles and what joins it to the last."""
    text = _MARKERS.sub("", text)
    item = _ITEM.match(text)
    text = unicodedata.normalize("NFKC", text[item.end() :] if item else text).casefold()
    return [word for word in _WORD.findall(_JAPANESE_LEADING.sub("", text.strip())) if word not in _LEADING]


class Numbering:
    """Counts the items of numbered lists. One per answer."""

    def __init__(self) -> None:
        self._lists: dict[int, tuple[int, int]] = {}

    def mended(self, text: str, *, lead: str = "\n") -> str:
        """The item under the number that follows the one before; `lead` is the white space before it. What is no item
        of a numbered list stays as it is, and so do lists of which each item is number 1."""
        if lead and "\n" not in lead:
            return text
        item = _ITEM.match(text)
        if item is None or item[1] is None:
            if item is None and lead.count("\n") != 1:
                self._lists.clear()
            return text
        indent, seen = len(text) - len(text.lstrip()) + len(lead.rsplit("\n", 1)[-1]), int(item[1])
        before = self._lists.get(indent)
        given = seen if before is None or seen < before[0] or seen == 1 else before[1] + 1
        self._lists = {deep: numbers for deep, numbers in self._lists.items() if deep < indent}
        self._lists[indent] = (seen, given)
        return f"{text[: item.start(1)]}{given}{text[item.end(1) :]}"


_FINAL = frozenset(".!?…。！？｡．؟۔।॥։።။")
_CLOSERS = "\"'”’」』）)]}】》〉»*_~ \t\n"
_REMARK = re.compile(rf"[ \t]{{0,4}}(?:{_MARKER}|\([^()\n]{{1,80}}\)|（[^（）\n]{{1,80}}）)[ \t]{{0,4}}\Z")
_WHOLE_END = re.compile(rf"(?:{_CODE_SPAN}|{_TARGET}|{_PLACEHOLDER}|{_URL})\Z")
_JAPANESE_END = re.compile(
    r"[\u3041-\u9fff][うくぐすつぬぶむるたいねよか]\Z|(?:です|ます|ません|だ|こと|もの|とおり)\Z"
)
"""Verbs and what follows them: Japanese is often written without a last full stop."""
_NO_STOPS = re.compile(r"[\u0e00-\u0eff\u0f00-\u0fff\u1780-\u17ff\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]\Z")
"""Thai, Lao, Tibetan and Khmer end sentences with a space; an emoji ends one, too."""
_DANGLING = re.compile(
    r"[,;:、，：(（「『“\[-]\Z|[のをにはがとでやへも]\Z"
    r"|(?:[ ]\S{1,40}){2}[ ](?:the|an?|of|to|in|on|at|by|for|from|with|and|or|but|that|which|is|are|was|were|be|has|"
    r"have|may|must|can|will|should|if|when|because|as|than|its|their|your|this|these)\Z"
)
_FRAGMENT_WORDS, _FRAGMENT_LETTERS = 25, 80
"""A text of so many words, or letters of Japanese, without any full stop was meant to go on."""


def is_cut_off(last: str) -> bool:
    """Whether an answer's last sentence ends without its end, as where a model was stopped. Items, headings, rows and
    code need none. Sentences of a document may not have one either: those that are quoted whole are no fragments."""
    body = last.rstrip()
    line = body.rsplit("\n", 1)[-1]
    if not body or open_fence(body) or _FENCE.match(line) or _STRUCTURE.match(line) or _STRUCTURE.match(body):
        return False
    for _ in range(_ROUNDS):
        bare = body.rstrip(_CLOSERS)
        if not bare or bare[-1] in _FINAL or _WHOLE_END.search(body[-3000:]) or _NO_STOPS.search(body):
            return False
        shorter = body[: found.start()] if (found := _REMARK.search(body, max(0, len(body) - 200))) else body
        if shorter == body:
            break
        body = shorter
    return not _JAPANESE_END.search(bare)


def _is_unfinished(text: str) -> bool:
    """Whether a text that is one fragment was meant to go on; an answer of a few words was not."""
    if not is_cut_off(text):
        return False
    letters = len(_UNSPACED.findall(text))
    return bool(_DANGLING.search(text.rstrip())) or len(text.split()) >= _FRAGMENT_WORDS or letters >= _FRAGMENT_LETTERS


_CLOSED_INLINE = re.compile(
    rf"{_CODE_SPAN}|(?<=\])\([^()\s]{{0,2000}}\)|{_PLACEHOLDER}|{_URL}|{_MARKER}|\\[!-/:-@\[-`{{-~]"
)
_OPEN_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)[^`\s][^`\n]{0,800}\Z")
_OPEN_TARGET = re.compile(r"\]\([^()\s]{0,2000}\Z")
_OPEN_MARKER = re.compile(r"[ \t]{0,4}[\[【]\^?[\d,、 \t-]{0,20}\Z")
_SIGN = re.compile(r"\*+|_+|~~|[()\[\]（）「」『』【】《》“”„«»\"]")
_PAIRS = dict(zip('([（「『【《“„«"', ')]）」』】》”“»"', strict=True))
_INTERVAL = {")": "[", "]": "("}
_QUOTE_SIGNS = frozenset('「『“„«"')
_SENTENCE_END = re.compile(r"[.!?][\"”)\x00]{0,3}\s|[。！？](?=[^」』）)\s])")
"""A bracket that was opened in a sentence before stays open: it is too late for it."""
_MAX_DEPTH = 32


def closing(text: str) -> str:
    """What must be appended to the text, its trailing white space cut, for code, emphasis, links, brackets and quotes
    that its last paragraph left open; mostly nothing."""
    text, end = text.rstrip(), ""
    for _ in range(_ROUNDS):  # one is enough, unless a sign that closes turns one before it into one that opens
        more = _closing_once(text + end)
        if not more or (
            more[0] in "*_~`" and (text + end).endswith(more[0])
        ):  # which would be one sign of another kind
            break
        end += more
    return end


def _closing_once(text: str) -> str:
    if fence := open_fence(text):
        return f"\n{fence}"
    block = _last_block(text)
    end = ""
    if found := _OPEN_TARGET.search(block, max(0, len(block) - 2100)):
        block, end = block[: found.start() + 1], ")"
    block, _ = _masked(block, _CLOSED_INLINE)
    if not end and (found := _OPEN_CODE.search(block)):
        block, end = block[: found.start()] + _MASK, found[1]
    return end + _closers(block)


def _last_block(text: str) -> str:
    """The last paragraph, item, row or heading: nothing that is open before it can be closed any more."""
    lines = text.split("\n")
    for number in range(len(lines) - 1, -1, -1):
        if not lines[number].strip() or _FENCE.match(lines[number]):
            return "\n".join(lines[number + 1 :])
        if item := _STRUCTURE.match(lines[number]):
            return "\n".join([lines[number][item.end() :], *lines[number + 1 :]])
    return text


def _closers(block: str) -> str:
    """The signs that close what the block has open, the innermost first."""
    stack: list[str] = []
    last = max((found.end() for found in _SENTENCE_END.finditer(block)), default=0)
    for found in _SIGN.finditer(block):
        sign, before, after = found[0], block[found.start() - 1 : found.start()], block[found.end() : found.end() + 1]
        if sign[0] in "*_~":
            _emphasis(stack, sign, before, after)
        elif sign in stack:
            del stack[len(stack) - 1 - stack[::-1].index(sign) :]
        elif sign in _INTERVAL and (other := _PAIRS[_INTERVAL[sign]]) in stack:  # [0, 1)
            del stack[len(stack) - 1 - stack[::-1].index(other) :]
        elif sign in _PAIRS and _is_bracket(sign, before, after) and (sign in _QUOTE_SIGNS or found.start() >= last):
            stack.append(_PAIRS[sign])
        del stack[_MAX_DEPTH:]
    return "".join(reversed(stack))


def _is_bracket(sign: str, before: str, after: str) -> bool:
    """Whether an opening sign opens: no smiley, no sign of inches, and no marker, which nothing here may complete."""
    if sign in "[【" and (after.isdigit() or after == "^"):
        return False
    return before != ":" and (sign != '"' or _opens(before, after))


def _emphasis(stack: list[str], sign: str, before: str, after: str) -> None:
    """Closes what the run of `sign` closes, else opens what it opens."""
    left = len(sign)
    if before and not before.isspace() and not (sign[0] == "_" and (after.isalnum() or after == "_")):
        while mark := next((m for m in reversed(stack) if m[0] == sign[0] and len(m) <= left), None):
            del stack[len(stack) - 1 - stack[::-1].index(mark) :]
            left -= len(mark)
    if left == len(sign) <= 3 and _opens(before, after):
        stack.extend([sign[0], sign[0] * 2] if left == 3 else [sign])


def _opens(before: str, after: str) -> bool:
    return bool(after) and not after.isspace() and not (before.isascii() and before.isalnum())


_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
_BARE_ITEM = re.compile(r"\n[ \t]{0,12}(?:[-*+•・]|\d{1,3}[.)])[ \t]*\Z")
_LAST_SIGNS = re.compile(r"[ \t]{0,8}([*_~`(\[（「『“]{1,4})\Z")
_LAST_HEADING = re.compile(r"(?:\A|\n)[ \t]{0,3}\#{1,6}(?:[ \t][^\n]*)?\Z")


def whole(text: str, *, language: str) -> str:
    """The finished answer: each stretch mended, without what it repeats and without a cut-off end, all that is open
    closed. Idempotent; well-formed text stays as it is, but for its outer white space."""
    for _ in range(_ROUNDS):
        before, text = text, _whole_once(text, language)
        if text == before:
            break
    return text


def _whole_once(text: str, language: str) -> str:
    repeats, numbering = Repeats(), Numbering()
    pieces: list[str] = []
    for stretch, is_code in _blocks(sentence(text, language=language)):
        if is_code:
            pieces.append(stretch)
            continue
        tidied = _BLANK_LINES.sub("\n\n", _TRAILING.sub("", stretch))
        missing = ""
        for lead, said in _stretches(tidied, language):
            lead = max(lead, missing, key=lambda white: white.count("\n"))
            missing = ""
            if said and repeats.is_repeat(said):
                missing = lead
            else:
                pieces += [lead, numbering.mended(said, lead=lead or "\n")]
    text = _without_fragment("".join(pieces).strip("\n").rstrip(), language)
    return text + closing(text)


def _stretches(text: str, language: str) -> Iterator[tuple[str, str]]:
    """(white space before, sentence) for each sentence, with the indentation of its line; at last (white space, "")."""
    at = 0
    for span in sentences(text, language=language):
        start = _line_start(text, span.start)
        yield text[at:start], text[start : span.end]
        at = span.end
    if at < len(text):
        yield text[at:], ""


def _line_start(text: str, start: int) -> int:
    """Where the indentation before `start` begins, if nothing else stands before it in its line."""
    line = text.rfind("\n", 0, start) + 1
    return line if not text[line:start].strip() else start


def _without_fragment(text: str, language: str) -> str:
    """The text up to its last whole sentence if it was cut off behind one, else with an ellipsis if it was cut off."""
    blocks = _blocks(text)
    if not blocks or blocks[-1][1]:
        return text
    prose = blocks[-1][0]
    text = text[: len(text) - len(prose)]
    prose = _without_opening(prose)
    text += prose
    spans = sentences(prose, language=language)
    if not spans or not is_cut_off(prose[(last := _line_start(prose, spans[-1].start)) :]):
        return text
    start = len(text) - len(prose) + last
    earlier = text[:start].rstrip()
    if not _has_whole_sentence(earlier, language):
        return f"{text}…" if _is_unfinished(text) else text
    while found := _LAST_HEADING.search(earlier, max(0, len(earlier) - 400)):
        earlier = earlier[: found.start()].rstrip()
    return earlier


def _without_opening(text: str) -> str:
    """The text without what its end begins and says nothing in: half a marker, an empty item, a sign that opens."""
    for pattern in (_OPEN_MARKER, _BARE_ITEM):
        if found := pattern.search(text, max(0, len(text) - 80)):
            text = text[: found.start()]
    if found := _LAST_SIGNS.search(text, max(0, len(text) - 12)):
        before, sign = text[: found.start()], found[1]
        stands_alone = before[-1:] in ("", "\n") and len(sign) >= 3
        if _opens(text[found.start(1) - 1 : found.start(1)], "x") and not stands_alone:
            closes = len(found[0]) == len(sign) and closing(before).startswith(sign)
            return text if closes else before.rstrip()
    return text


def _has_whole_sentence(text: str, language: str) -> bool:
    return any(
        text[span.start : span.end].rstrip(_CLOSERS)[-1:] in _FINAL and not is_cut_off(text[span.start : span.end])
        for span in sentences(text, language=language)
    )


_ARTICLE = re.compile(r"(?:\A(?:A|An)|(?<![\w.-])(?:a|an))[ ](?=([a-z]{3,40})(?![\w-]))")
_LIKE_CONSONANT = re.compile(r"uni(?!n|m)|us[aeiu]|eu|one(?!r)|once|ubiq|ura|uri|ute|uto|uku|ewe")
_LETTERED = re.compile(
    r"(?:option|part|section|item|column|row|point|type|class|group|annex|appendix|paragraph|clause|case|step|plan|grade|"
    r"level|line|variant|vitamin|letter)[ ]\Z",
    re.IGNORECASE,
)
"""Behind these "a" is no article: option a applies."""
_DOUBLED = re.compile(
    r"(?<![\w-])(the|an?|of|to|for|with|and|or|by|from|as|are|was|be|this|these|at)[ ]\1(?![\w-])", re.IGNORECASE
)
_OF_FOR_HAVE = re.compile(
    r"\b(could|should|would|must|might)[ ]of(?=[ ](?:been|had|done|gone|known|made|taken)\b)", re.IGNORECASE
)
_ITS_OWN = re.compile(r"\b(it)['’](s[ ]own)\b", re.IGNORECASE)
_UNCAPITALISED = re.compile(r"(?:the|a|an|it|this|that|these|those|they|we|you|there|in|on|if|when|all|each|every)[ ]")
_DOUBLED_PARTICLE = re.compile(
    r"を(?=を)|(?:が(?=が)|に(?=に)|で(?=で))(?=.[\u30a1-\u30fa\u4e00-\u9fff、])|です(?=です)"
)


class RulesPolisher:
    """Polisher of few rules that are always right: doubled words, a and an, a small letter at the start."""

    def polish(self, text: str, *, language: str) -> str:
        rules = {"en": _ENGLISH, "ja": _IN_JAPANESE}.get(language, ())
        for rule in rules:
            masked, kept = _masked(_CONTROL.sub("", text), _KEPT)
            text = guarded(text, _unmasked(rule(masked), kept))
        return text


def _without_doubled_words(text: str) -> str:
    return _DOUBLED.sub(r"\1", text)


def _with_articles(text: str) -> str:
    return _ARTICLE.sub(_with_its_article, text)


def _with_words_of_their_own(text: str) -> str:
    return _ITS_OWN.sub(r"\1\2", _OF_FOR_HAVE.sub(r"\1 have", text))


def _with_a_capital(text: str) -> str:
    return text[:1].upper() + text[1:] if _UNCAPITALISED.match(text) else text


def _without_doubled_particles(text: str) -> str:
    return _DOUBLED_PARTICLE.sub("", text)


def _with_its_article(match: re.Match[str]) -> str:
    """ "a" or "an" by how the word behind begins, where its letters tell; in front of an h they do not."""
    article, word = match[0].strip(), match[1]
    if word[0] == "h" or _LETTERED.search(match.string, max(0, match.start() - 12), match.start()):
        return match[0]
    vowel = word[0] in "aeiou" and not _LIKE_CONSONANT.match(word)
    return f"{article[0]}{'n' if vowel else ''} "


_ENGLISH = (_without_doubled_words, _with_articles, _with_words_of_their_own, _with_a_capital)
_IN_JAPANESE = (_without_doubled_particles,)

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+){0,20}|[一二三四五六七八九十百千万億兆]+")
_TURNING = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half "
    "no not never none nor without cannot all any some every each only most more less".split()
)
"""Words that a claim turns on: they count, negate or limit."""
_NEGATION = re.compile(r"n['’]t\b|ない|なかった|ません|ず(?=[、。に])", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{1,60}(?:['’-][^\W\d_]{1,60}){0,4}")
_IDEOGRAPHS = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}|[\u4e00-\u9fff]+")
_AT_START = re.compile(r"(?:\A|[.!?][\"'”’)\]*]{0,3}\s|\n)[ \t\"'“‘(\[*#>-]{0,8}\Z")


def guarded(before: str, after: str) -> str:
    """`after` if it differs from `before` in style alone, else `before`: quotes, code, addresses, markers,
    placeholders, tables, numbers, negations, and names (capitalised words, katakana, kanji) must be what they were."""
    return after if before == after or _protected(before) == _protected(after) else before


def _protected(text: str) -> tuple[list[str], ...]:
    """What a change of style leaves alone, in its order, by kind."""
    masked, kept = _masked(text, _KEPT)
    code = [stretch for stretch, is_code in _blocks(text) if is_code]
    words = [word.casefold() for word in _LETTERS.findall(masked)]
    turning = [word for word in words if word in _TURNING]
    return code, kept, _NUMBER.findall(masked), turning, _NEGATION.findall(masked), _names(masked)


def _names(text: str) -> list[str]:
    """Words with a capital inside a sentence, words in katakana and kanji, and the first word of each sentence."""
    names = _IDEOGRAPHS.findall(text)
    for found in _LETTERS.finditer(text):
        word = found[0]
        if _AT_START.search(text, max(0, found.start() - 12), found.start()) and (word.islower() or word.istitle()):
            names += [first] if (first := word.casefold()) not in ("a", "an", "the") else []
        elif word.casefold() != word:
            names.append(word)
    return names
