"""Draft -> Answer: markers become verified citations, support is judged, nothing comes out that no source has.

An `Assembler` takes the draft piece by piece and gives back whole sentences whose citations hold, so that a stream
shows nothing that was not verified. A citation's quote is always a span of the document as it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from grounding import analysis, defusing, polish
from grounding.figures import figures
from grounding.folding import Folded, fold
from grounding.polarity import clauses
from grounding.prompt import ABSTENTION
from grounding.refusals import NO_ANSWER
from grounding.segment import Span, sentences
from grounding.settings import UnsupportedAction
from grounding.support import ALIGNED, SUPPORTED, Judge, Judged, Readings, Source, says_something
from grounding.values import Answer, Citation, Evidence, Support

MARKER = re.compile(
    r"[ \t\u3000]*(?:\[(?:passage |source |出典)?[\^#]?(\d{1,3}(?:\s{0,2}[,、;–-]\s{0,2}\d{1,3}){0,20})\]"
    r"|【(\d{1,3}(?:[,、]\d{1,3}){0,20})(?:[†:][^】\n]{0,40})?】)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"[ \t\u3000]*[(（](\d{1,2})[)）](?=[.!?。！？]?\s*\Z)")
"""A marker only if that passage says what the sentence says: "(1)" may as well be a number of things."""
_LEAD = re.compile(r"[ \t]*(?:(?:[-*+•・>]|\#{1,6}|\d{1,3}[.)])[ \t\u3000]+){0,3}")
_BARE_LEAD = re.compile(r"(?:[-*+•・>]|\d{1,3}[.)])")
_UNENDED = re.compile(r"[!-~]\Z")
_TOKEN = re.compile(r"<[|｜]|\[/?INST\]|<</?SYS>>|</?s>", re.IGNORECASE)
_ROW = re.compile(r"[ \t>]*\|.*\|[ \t]*\Z")
_HEADING = re.compile(r"[ \t>]*#{1,6}[ \t]")
_SOURCES = re.compile(
    r"\W*(?:sources?|references?|citations?|bibliography|出典|参考文献|参照元?|引用元)\W*\Z", re.IGNORECASE
)
_LISTED = re.compile(r"[ \t]*(?:[-*+•・]|\[?\^?\d{1,3}[\].):]|【|https?:)")
_FENCE = re.compile(r"^[ \t>]{0,12}(`{3,}|~{3,})([^`\n]*)(?:\n|\Z)", re.MULTILINE)
_CLOSING_FENCE = r"^[ \t>]{{0,12}}{}[`~]{{0,20}}[ \t]*(?:\n|\Z)"
_LANGUAGE = re.compile(r"[A-Za-z\d+#-]{0,20}")
_FOOTNOTE = re.compile(r":[ \t]")
_LEFT_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{1,40}_\d{1,6}>")
_PATIENCE = 100
"""A sentence of more than 8 times as many characters is not looked at again at every token: time stays linear."""
_QUOTED_CHARS = 300
"""Characters of a sentence that stands for what was found nearest."""

NEAREST = {
    "en": "The nearest that was found is in “{title}”: “{quote}” [1]",
    "ja": "最も近い記述は「{title}」にあります。「{quote}」[1]",
}
UNSUPPORTED_MARK = {"en": " (unsupported)", "ja": "（根拠なし）"}


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in the user's language, else in English."""
    return texts.get(language, texts["en"])


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the answer that is ready to be shown, with the citations whose markers it contains."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of the draft without its markers, the white space before it, and the passages that it names."""

    lead: str
    text: str
    markers: list[int] = field(default_factory=list)
    lost: bool = False


class Assembler:
    """Turns a growing draft into verified pieces. One per answer; not thread-safe.

    `said` is what the person wrote: an address in it is no invention. Of a sentence that no evidence carries,
    `unsupported` says what becomes: it is listed in the answer's support; and marked, or removed, or the answer is an
    abstention, which names what was found nearest, and then nothing is shown before its end.
    """

    def __init__(
        self,
        evidence: Sequence[Evidence],
        *,
        document_text: Callable[[str, int], str | None],
        language: str,
        restore: Callable[[str], str] = lambda text: text,
        polished: Callable[[str], str] = lambda text: text,
        unsupported: UnsupportedAction = "list",
        said: str = "",
        readings: Readings | None = None,
    ) -> None:
        self._evidence = tuple(evidence)
        self._document_text = document_text
        self._language = language
        self._restore = restore
        self._polished = polished
        self._policy = unsupported
        self._said = said
        self._judge = Judge([Source.of(item.passage) for item in self._evidence], language=language, readings=readings)
        self._repeats, self._numbering = polish.Repeats(), polish.Numbering()
        self._buffer = ""
        self._opening: re.Match[str] | None = None
        self._look_at = 0
        self._before = "\n"
        self._draft: list[str] = []
        self._shown: list[str] = []
        self._missing = ""
        self._listing = False
        self._held: list[Piece] = []
        self._citations: list[Citation] = []
        self._unsupported: list[str] = []
        self._nearest = Judged(0.0)
        self._claims = 0

    def prepare(self) -> None:
        """Reads the evidence, which the first sentence would otherwise have to wait for."""
        self._judge.prepare()
        _ = self._known

    def feed(self, text: str) -> Iterator[Piece]:
        """The sentences that this piece of the draft completes, each as soon as it is verified. To be read to the end,
        unless nothing more is fed."""
        self._draft.append(text)
        self._buffer += text
        if len(self._buffer) < self._look_at:
            return
        yield from self._released(self._ready(at_end=False), at_end=False)
        self._look_at = len(self._buffer) + max(0, len(self._buffer) // 8 - _PATIENCE)

    def close(self) -> Iterator[Piece]:
        """What is left of the draft, and what closes code, emphasis and brackets that it leaves open."""
        yield from self._released(self._rest(), at_end=True)

    def _rest(self) -> Iterator[Piece]:
        yield from self._ready(at_end=True)
        text = "".join(self._shown).rstrip()
        if missing := polish.closing(text) if text else "":
            yield self._show(Piece(missing, ()))

    def answer(self) -> Answer:
        """The answer so far, with its outcome: abstained if nothing of it can be shown as an answer."""
        text = tidy("".join(self._shown))
        whole = tidy(self._restore("".join(self._draft)))
        support = self._support()
        if not text or ABSTENTION.match(whole) or not self._citations or self._abstains():
            return self._abstention(support)
        return Answer(text, "answered" if not support.unsupported else "partial", tuple(self._citations), support)

    def _abstains(self) -> bool:
        return self._policy == "abstain" and bool(self._unsupported)

    def _support(self) -> Support:
        supported = self._claims - len(self._unsupported)
        return Support(round(supported / self._claims, 4) if self._claims else 0.0, tuple(self._unsupported))

    def _abstention(self, support: Support) -> Answer:
        """That there is no answer, and, under the policy that asks for it, what was found nearest to one."""
        text = in_language(NO_ANSWER, self._language)
        found = self._cite_nearest() if self._policy == "abstain" else None
        if found is None:
            return Answer(text, "abstained", support=support)
        title, quote = (self._defused(stretch)[0] for stretch in (found.title or found.source, found.quote))
        title, quote = (MARKER.sub("", " ".join(stretch.split())) for stretch in (title, quote))
        gap = "" if self._language == "ja" else " "
        nearest = in_language(NEAREST, self._language).format(title=title, quote=quote)
        return Answer(f"{text}{gap}{nearest}", "abstained", (replace(found, marker=1),), support)

    def _cite_nearest(self) -> Citation | None:
        """The place nearest to what the draft claims, else the first sentence of the best passage."""
        judged = self._nearest
        if judged.span is None and self._evidence:
            first = sentences(self._evidence[0].passage.text, language=self._language)
            judged = Judged(0.0, source=0, span=(first[0].start, first[0].end)) if first else judged
        found = self._verified(judged)
        return found if found and len(found.quote) <= _QUOTED_CHARS else None

    def _released(self, pieces: Iterator[Piece], *, at_end: bool) -> Iterator[Piece]:
        """What may be shown now: an answer that may yet turn out to be an abstention is shown as a whole."""
        if self._policy != "abstain":
            yield from pieces
            return
        self._held += pieces
        if at_end and not self._abstains():
            held, self._held = self._held, []
            yield from held

    def _ready(self, *, at_end: bool) -> Iterator[Piece]:
        """The pieces that the buffer holds whole: prose by sentences, fenced code by blocks."""
        while self._buffer:
            if self._opening:
                closing = re.search(_CLOSING_FENCE.format(self._opening[1]), self._buffer, re.MULTILINE)
                if not at_end and not (closing and closing[0].endswith("\n")):
                    return
                opening, self._opening = self._opening, None
                body = self._take(closing.start() if closing else len(self._buffer))
                self._take(len(closing[0]) if closing else 0)
                yield from self._code(body, opening)
                continue
            fences = (m for m in _FENCE.finditer(self._buffer) if m.start() or self._before == "\n")
            fence = next(fences, None)
            if fence and (at_end or fence[0].endswith("\n")):
                yield from self._pieces(self._take(fence.start()), at_end=False)
                self._take(len(fence[0]))
                self._opening = fence
                continue
            cut = len(self._buffer) if at_end else self._cut()
            if cut == 0:
                return
            yield from self._pieces(self._take(cut), at_end=at_end)

    def _take(self, length: int) -> str:
        head, self._buffer = self._buffer[:length], self._buffer[length:]
        self._before = head[-1:] or self._before
        return head

    def _cut(self) -> int:
        """Where the last sentence of the buffer begins, which may go on."""
        spans = _spans(self._buffer, language=self._language)
        ready = len(spans) - 1
        while ready > 0 and MARKER.match(self._buffer, spans[ready].start):
            ready -= 1  # a marker after the full stop belongs to the sentence before it, and may not be complete
        return spans[ready].start if ready >= 1 else 0

    def _pieces(self, text: str, *, at_end: bool) -> Iterator[Piece]:
        text, lost = self._defused(polish.sentence(text, language=self._language))
        found = list(_marked_sentences(text, language=self._language, is_said=self._is_said))
        for number, sentence in enumerate(found):
            restored = replace(
                sentence,
                text=self._restore(self._polished(sentence.text)),
                lost=lost and defusing.REMOVED in sentence.text,
            )
            piece = self._judged(restored, is_last=at_end and number == len(found) - 1)
            if piece is None:
                self._missing = _wider(self._missing, sentence.lead, _white_after(sentence.text))
            else:
                self._missing = ""
                yield self._show(piece)

    def _lead(self, lead: str) -> str:
        """The white space before a sentence, also that of those left out before it, as far as it is not there yet."""
        if not self._missing:
            return lead
        there = _white_after(self._shown[-1]) if self._shown else "\n\n"
        wanted = _wider(self._missing, lead)
        return "" if there and there.count("\n") >= wanted.count("\n") else wanted

    def _show(self, piece: Piece) -> Piece:
        self._shown.append(piece.text)
        return piece

    def _defused(self, text: str) -> tuple[str, bool]:
        return defusing.defused(text, known=self._known, is_code=self._is_said)

    @cached_property
    def _known(self) -> frozenset[str]:
        texts = (f"{item.passage.text}\n{item.passage.title}\n{item.passage.source}" for item in self._evidence)
        return defusing.addresses((*texts, self._said))

    @cached_property
    def _folded(self) -> tuple[Folded, ...]:
        return tuple(fold(item.passage.text) for item in self._evidence)

    def _is_said(self, stretch: str) -> bool:
        """Whether a passage has the stretch word for word."""
        wanted = fold(stretch).text.strip()
        return bool(wanted) and any(wanted in folded.text for folded in self._folded)

    def _judged(self, sentence: _Sentence, *, is_last: bool) -> Piece | None:
        """The sentence with new markers for the citations that hold, and without those that do not; None where it is
        left out."""
        if self._is_listed(sentence) or (sentence.text and self._repeats.is_repeat(sentence.text)):
            return None
        lead = self._lead(sentence.lead)
        text, left = self._without_placeholders(sentence.text)
        if not self._is_claim(text) or ABSTENTION.match(text):
            return Piece(lead + self._mended(text, lead), ())
        found, in_brackets = ([], False) if left or sentence.lost else self._found(text, sentence.markers)
        if is_last and self._is_fragment(text, sentence, found):
            return None
        self._claims += 1
        if not found:
            self._unsupported.append(text.strip())
            if self._policy == "remove":
                return None
            mark = in_language(UNSUPPORTED_MARK, self._language) if self._policy == "mark" else ""
            return Piece(lead + _with_mark(self._mended(text, lead), mark), ())
        cited = tuple(dict.fromkeys(self._numbered(citation) for citation in found))
        marks = "".join(f"[{citation.marker}]" for citation in cited)
        text = _IN_BRACKETS.sub("", text) if in_brackets else text
        return Piece(lead + _with_citations(self._mended(text, lead), marks), cited)

    def _is_claim(self, text: str) -> bool:
        """Whether a sentence is to be verified; the first row of a table has the names of its columns."""
        is_row = bool(_ROW.match(text.rstrip()))
        is_first_row = is_row and not (self._shown and _ROW.match(self._shown[-1].strip()))
        return _is_claim(text, language=self._language) and not (is_first_row and not figures(text))

    def _mended(self, text: str, lead: str) -> str:
        """The item of a list under the number that follows the one that is shown."""
        white = _white_after(self._shown[-1]) + lead if self._shown else "\n"
        return self._numbering.mended(text, lead=white or " ")

    def _is_listed(self, sentence: _Sentence) -> bool:
        """Whether the sentence is of the model's own list of sources, which says nothing that is verified."""
        if _SOURCES.match(sentence.text) and "\n" in (sentence.lead or "\n"):
            self._listing = True
            return True
        if sentence.markers and _FOOTNOTE.match(sentence.text):
            return True
        self._listing = self._listing and bool(_LISTED.match(sentence.text) or sentence.markers or not sentence.text)
        return self._listing

    def _is_fragment(self, text: str, sentence: _Sentence, found: Sequence[Citation]) -> bool:
        """Whether an answer that has something to show ends with a sentence that was cut off."""
        if sentence.markers or not self._citations or not polish.is_cut_off(text):
            return False
        whole = fold(text).text
        return not any(fold(citation.quote).text.rstrip(".!?") == whole for citation in found)

    def _found(self, text: str, markers: Sequence[int]) -> tuple[list[Citation], bool]:
        """The citations that carry a sentence: of the passages that it names, else of that which says it best. And
        whether it names its passage in round brackets."""
        bare = _LEAD.sub("", text, count=1)
        bracketed = _IN_BRACKETS.search(bare)
        if bracketed and not markers and 1 <= int(bracketed[1]) <= len(self._evidence):
            without = bare[: bracketed.start()] + bare[bracketed.end() :]
            if found := self._named(without, [int(bracketed[1])]):
                return found, True
        named = [n for n in dict.fromkeys(markers) if 1 <= n <= len(self._evidence)]
        return self._named(bare, named) or self._aligned(bare), False

    def _named(self, claim: str, named: Sequence[int]) -> list[Citation]:
        found = [c for n in named if (c := self._cite(claim, at_least=SUPPORTED, within=[n - 1]))]
        parts = clauses(claim) if len(named) > 1 and not found else []
        if len(parts) > 1:  # a sentence made of several passages: each clause must be carried by one of them
            each = [self._cite(part, at_least=SUPPORTED, within=[n - 1 for n in named]) for part in parts]
            found = [citation for citation in each if citation] if all(each) else []
        return found

    def _aligned(self, claim: str) -> list[Citation]:
        found = self._cite(claim, at_least=ALIGNED)
        return [found] if found else []

    def _cite(self, claim: str, *, at_least: float, within: Sequence[int] | None = None) -> Citation | None:
        """The span of the evidence that says what the claim says, if the document still has it there."""
        judged = self._judge.judge(claim, within=within)
        if judged.span and judged.score > self._nearest.score:
            self._nearest = judged
        return self._verified(judged) if judged.holds(at_least=at_least) else None

    def _verified(self, judged: Judged) -> Citation | None:
        if judged.source is None or judged.span is None:
            return None
        passage = self._evidence[judged.source].passage
        start, end = passage.start + judged.span[0], passage.start + judged.span[1]
        quote = passage.text[judged.span[0] : judged.span[1]]
        document = self._document_text(passage.document_id, passage.version)
        if document is None or document[start:end] != quote:
            return None
        return Citation(
            0, passage.document_id, passage.source, passage.title, passage.version, passage.id, start, end, quote
        )

    def _numbered(self, citation: Citation) -> Citation:
        """The citation under its marker: a span that was quoted before keeps its number."""
        for known in self._citations:
            if (known.passage_id, known.start, known.end) == (citation.passage_id, citation.start, citation.end):
                return known
        numbered = replace(citation, marker=len(self._citations) + 1)
        self._citations.append(numbered)
        return numbered

    def _code(self, body: str, opening: re.Match[str]) -> Iterator[Piece]:
        """Fenced code as it is if a passage has each of its lines, else as a claim that no evidence carries."""
        lines = [self._restore(line) for line in body.rstrip("\n").split("\n")]
        self._claims += 1
        marks, cited = "", tuple[Citation, ...]()
        if found := self._cite_code(lines):
            cited = (self._numbered(found),)
            marks = f"[{cited[0].marker}]\n"
        else:
            lines = [self._harmless(line) for line in lines]
            self._unsupported.append("\n".join(lines).strip())
            if self._policy == "remove":
                return
            if self._policy == "mark":
                marks = in_language(UNSUPPORTED_MARK, self._language).strip() + "\n"
        indent = opening[0][: opening.start(1) - opening.start()]
        language = _LANGUAGE.match(opening[2].strip())
        lead = "" if not self._shown or self._shown[-1].endswith("\n") else "\n"
        self._missing = ""
        whole = [f"{indent}{opening[1]}{language[0] if language else ''}", *lines, f"{indent}{opening[1]}"]
        yield self._show(Piece(lead + "\n".join(whole) + f"\n{marks}", cited))

    def _cite_code(self, lines: Sequence[str]) -> Citation | None:
        """The place that has the code, or the longest of its lines where each is said, but not all in one place."""
        said = [line for line in lines if line.strip()]
        if not said or not all(map(self._is_said, said)):
            return None
        for wanted in ("\n".join(said), max(said, key=len)):
            for number, folded in enumerate(self._folded):
                if span := folded.find(fold(wanted).text):
                    return self._verified(Judged(1.0, 1.0, number, span))
        return None

    def _harmless(self, line: str) -> str:
        """A line of code that no passage has, without tokens of chat formats, addresses and tags."""
        line = polish.sentence(line, language=self._language) if _TOKEN.search(line) else line
        return self._without_placeholders(self._defused(line)[0].replace("`", "'"))[0]

    def _without_placeholders(self, text: str) -> tuple[str, int]:
        """The text without placeholders that stand for nothing, and how many there were."""
        left = [found for found in _LEFT_PLACEHOLDER.findall(text) if not self._is_said(found)]
        for placeholder in left:
            text = text.replace(placeholder, defusing.REMOVED)
        return text, len(left)


def _white_after(text: str) -> str:
    return text[len(text.rstrip()) :]


def _wider(*white: str) -> str:
    """Of stretches of white space the one that sets the most apart."""
    return max(white, key=lambda each: (each.count("\n"), len(each)))


def _is_claim(sentence: str, *, language: str) -> bool:
    """Whether a stretch says something that can be true or false: headings, questions, rules of Markdown, and what only
    leads to a list do not."""
    text = MARKER.sub("", _LEAD.sub("", sentence, count=1)).strip()
    if _HEADING.match(sentence) or not analysis.terms(text):
        return False
    if text.endswith(("?", "？", ":", "：")) and not figures(text):
        return False
    return says_something(text, language=language)


def _marked_sentences(text: str, *, language: str, is_said: Callable[[str], bool]) -> Iterator[_Sentence]:
    """Each sentence of a text with what is before it and the passages that it names. What a passage has word for word,
    such as `list[0]`, is no marker, and neither is anything within code."""
    found: list[_Sentence] = []
    at = 0
    for span in _spans(text, language=language):
        lead, sentence = text[at : span.start], text[span.start : span.end]
        at = span.end
        markers: list[int] = []
        bare = _unmarked(sentence, markers, is_said=is_said).strip()
        if found and (not bare or bare in ".。"):
            found[-1].markers.extend(markers)
        else:
            found.append(_Sentence(lead, bare, markers))
    if at < len(text):
        if found:
            found[-1] = replace(found[-1], text=found[-1].text + text[at:])
        elif text.strip() == "":
            found.append(_Sentence(text, ""))
    yield from found


def _spans(text: str, *, language: str) -> list[Span]:
    """The sentences of a text; the number of an item goes with the item, the "!" of an image with the image, and what
    follows a full stop without a space is the rest of an address."""
    found: list[Span] = []
    for span in sentences(text, language=language):
        before = text[found[-1].start : found[-1].end] if found else ""
        within = found and found[-1].end == span.start and _UNENDED.search(before) and text[span.start].isascii()
        if within or _BARE_LEAD.fullmatch(before) or (before.endswith("!") and text.startswith("[", span.start)):
            span = Span(found.pop().start, span.end)
        found.append(span)
    return found


def _unmarked(sentence: str, markers: list[int], *, is_said: Callable[[str], bool]) -> str:
    def taken(match: re.Match[str]) -> str:
        before = re.search(r"\w{1,40}\Z", sentence[max(0, match.start() - 40) : match.start()])
        if match[0][0] == "[" and before and is_said(before[0] + match[0]):
            return match[0]
        markers.extend(_numbers(match[1] or match[2]))
        return ""

    parts = re.split(r"(`[^`\n]{1,800}`)", sentence)
    return "".join(part if part[:1] == "`" else MARKER.sub(taken, part) for part in parts)


def _numbers(listed: str) -> Iterator[int]:
    """1, 2 and 3 of "1-3" and of "1, 2、3"."""
    for part in re.split(r"\s*[,、;]\s*", listed):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        yield from range(ends[0], min(ends[-1], ends[0] + 9) + 1) if ends[0] <= ends[-1] else ends


def _with_citations(sentence: str, marks: str) -> str:
    """Markers stand at the end of the sentence, before its final full stop and trailing space; in the last cell of a
    row."""
    if not marks:
        return sentence
    body = sentence.rstrip()
    tail = sentence[len(body) :]
    end = re.search(r"[.!?。！？]{1,9}[\"'”’」』)）*_]{0,9}$|[ \t]{0,9}\|$", body)
    cut = end.start() if end else len(body)
    gap = "" if cut and ord(body[cut - 1]) > 0x2E80 else " "
    return f"{body[:cut].rstrip()}{gap}{marks}{body[cut:]}{tail}"


def _with_mark(sentence: str, mark: str) -> str:
    """The mark follows the sentence; in a row of a table it stands in its last cell."""
    if not mark:
        return sentence
    body = sentence.rstrip()
    cell = re.search(r"[ \t]{0,9}\|$", body)
    cut = cell.start() if cell else len(body)
    return f"{body[:cut]}{mark}{body[cut:]}{sentence[len(body) :]}"


def tidy(text: str) -> str:
    """The text trimmed, without runs of blank lines, and with all closed that it leaves open."""
    text = re.sub(r"[ \t]+\n", "\n", text.strip())
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text + polish.closing(text)
