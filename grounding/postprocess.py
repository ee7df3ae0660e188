"""Draft -> Answer: markers become verified citations, support is judged, the text is made tidy.

An `Assembler` takes the draft piece by piece and gives back whole sentences whose citations hold, so that a stream
shows nothing that was not verified. A citation's quote is always a span of the document as it is stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from grounding import analysis
from grounding.prompt import ABSTENTION
from grounding.segment import sentences
from grounding.values import Answer, Citation, Evidence, Passage, Support

MARKER = re.compile(r"[ \t\u3000]*(?:\[(\d{1,3}(?:\s*[,、]\s*\d{1,3})*)\]|【(\d{1,3})】)")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), start=2)
}
_NAME = re.compile(r"(?<=[^.!?:\s] )[A-Z][\w-]*|\b[A-Z]{2,}\b|[\u30a1-\u30fa\u30fc]{3,}")
"""Capitalised words inside a sentence, acronyms, and katakana words."""
_TEMPLATE_TOKENS = re.compile(
    r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|^(?:assistant|answer|system)\s*:\s*", re.IGNORECASE | re.MULTILINE
)
SUPPORTED = 0.5
"""Share of a sentence's terms that its source span must contain for the citation to stand."""
ALIGNED = 0.75
"""The same for a sentence without a marker to be given one."""

NO_ANSWER = {
    "en": "I could not find an answer to this in the documents.",
    "ja": "お探しの答えは文書の中に見つかりませんでした。",
}
REFUSAL = {
    "en": "I cannot help with this request as it is worded. Ask me about what the documents say.",
    "ja": "このままの形ではお答えできません。文書の内容についてお尋ねください。",
}


def in_language(texts: dict[str, str], language: str) -> str:
    """The text in the user's language, else in English."""
    return texts.get(language, texts["en"])


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the answer that is ready to be shown, with the citations whose markers it contains."""

    text: str
    citations: tuple[Citation, ...]


class Assembler:
    """Turns a growing draft into verified pieces. One per answer; not thread-safe."""

    def __init__(
        self,
        evidence: Sequence[Evidence],
        *,
        document_text: Callable[[str, int], str | None],
        language: str,
        restore: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._evidence = tuple(evidence)
        self._document_text = document_text
        self._language = language
        self._restore = restore
        self._buffer = ""
        self._draft: list[str] = []
        self._shown: list[str] = []
        self._citations: list[Citation] = []
        self._unsupported: list[str] = []
        self._claims = 0

    def feed(self, text: str) -> list[Piece]:
        """The sentences that this piece of the draft completes."""
        self._draft.append(text)
        self._buffer += text
        spans = sentences(self._buffer, language=self._language)
        ready = len(spans) - 1
        while ready > 0 and MARKER.match(self._buffer, spans[ready].start):
            ready -= 1  # a marker after the full stop belongs to the sentence before it, and may not be complete
        if ready < 1:
            return []
        cut = spans[ready].start
        head, self._buffer = self._buffer[:cut], self._buffer[cut:]
        return self._pieces(head)

    def close(self) -> list[Piece]:
        """What is left of the draft."""
        head, self._buffer = self._buffer, ""
        return self._pieces(head)

    def answer(self) -> Answer:
        """The answer so far, with its outcome: abstained if nothing of it can be shown as an answer."""
        text = tidy("".join(self._shown))
        whole = tidy(self._restore("".join(self._draft)))
        if not text or ABSTENTION.match(whole) or (self._claims and not self._citations):
            return Answer(in_language(NO_ANSWER, self._language), "abstained", support=self._support())
        support = self._support()
        return Answer(text, "answered" if not support.unsupported else "partial", tuple(self._citations), support)

    def _support(self) -> Support:
        supported = self._claims - len(self._unsupported)
        return Support(round(supported / self._claims, 4) if self._claims else 0.0, tuple(self._unsupported))

    def _pieces(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        text = _TEMPLATE_TOKENS.sub("", self._restore(text))
        for lead, sentence, markers in _marked_sentences(text, language=self._language):
            piece = self._judge(lead, sentence, markers)
            self._shown.append(piece.text)
            pieces.append(piece)
        return pieces

    def _judge(self, lead: str, sentence: str, markers: Sequence[int]) -> Piece:
        """The sentence with new markers for the citations that hold, and without those that do not."""
        if not _is_claim(sentence) or ABSTENTION.match(sentence):
            return Piece(lead + sentence, ())
        self._claims += 1
        named = [n for n in dict.fromkeys(markers) if 1 <= n <= len(self._evidence)]
        found = [c for n in named if (c := self._cite(sentence, self._evidence[n - 1], at_least=SUPPORTED))]
        if not found:
            every = (self._cite(sentence, item, at_least=ALIGNED) for item in self._evidence)
            found = [c for c in every if c][:1]
        if not found:
            self._unsupported.append(sentence.strip())
        cited = tuple(self._numbered(citation) for citation in found)
        marks = "".join(f"[{citation.marker}]" for citation in cited)
        return Piece(lead + _with_marks(sentence, marks), cited)

    def _cite(self, sentence: str, item: Evidence, *, at_least: float) -> Citation | None:
        """The span of the evidence that says what the sentence says, if the document still has it there."""
        passage = item.passage
        span = align(sentence, passage.text, at_least=at_least, language=self._language)
        if span is None or not _knows_names(passage, sentence):
            return None
        start, end = passage.start + span[0], passage.start + span[1]
        quote = passage.text[span[0] : span[1]]
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


def align(sentence: str, source: str, *, at_least: float, language: str) -> tuple[int, int] | None:
    """The span of `source` that carries `sentence`: its verbatim place, else the sentence (or two neighbours) of the
    source with the largest share of its terms, if that is `at_least` and every number of the sentence is in it."""
    wanted = sentence.strip()
    if not wanted:
        return None
    if (at := source.find(wanted)) >= 0:
        return at, at + len(wanted)
    terms = set(analysis.terms(wanted))
    if not terms:
        return None
    spans = sentences(source, language=language)
    windows = [(s.start, s.end) for s in spans] + [(a.start, b.end) for a, b in pairwise(spans)]
    best, best_share = None, 0.0
    for start, end in windows:
        share = len(terms & set(analysis.terms(source[start:end]))) / len(terms)
        if share > best_share + 1e-9 and _numbers(wanted) <= _numbers(source[start:end]):
            best, best_share = (start, end), share
    return best if best_share >= at_least else None


def _numbers(text: str) -> set[str]:
    """The numbers of a text, in figures, those written as words too."""
    text = unicodedata.normalize("NFKC", text)
    words = {_NUMBER_WORDS[word] for word in re.findall(r"[a-z]+", text.casefold()) if word in _NUMBER_WORDS}
    return words | set(_NUMBER.findall(text))


def _knows_names(passage: Passage, sentence: str) -> bool:
    """Whether each likely name in the sentence is in the passage, its title or its heading: what is said of one is
    not said of another."""
    known = unicodedata.normalize("NFKC", f"{passage.title} {passage.heading} {passage.text}").casefold()
    return all(name.casefold() in known for name in _NAME.findall(unicodedata.normalize("NFKC", sentence)))


def _is_claim(sentence: str) -> bool:
    """Whether a stretch says something: headings, list bullets and rules of Markdown do not."""
    stripped = sentence.strip()
    return not stripped.startswith("#") and len(analysis.terms(stripped)) >= 2


def _marked_sentences(text: str, *, language: str) -> list[tuple[str, str, list[int]]]:
    """(white space before, sentence without markers, its markers) for each sentence of a text."""
    found: list[tuple[str, str, list[int]]] = []
    at = 0
    for span in sentences(text, language=language):
        lead, sentence = text[at : span.start], text[span.start : span.end]
        at = span.end
        markers = [int(n) for m in MARKER.finditer(sentence) for n in re.findall(r"\d+", m[1] or m[2])]
        bare = MARKER.sub("", sentence).strip()
        if found and (not bare or bare in ".。"):
            found[-1][2].extend(markers)
        else:
            found.append((lead, bare, markers))
    if at < len(text) and found:
        lead, sentence, markers = found.pop()
        found.append((lead, sentence + text[at:], markers))
    return found


def _with_marks(sentence: str, marks: str) -> str:
    """Markers stand at the end of the sentence, before its final full stop and trailing space."""
    if not marks:
        return sentence
    body = sentence.rstrip()
    tail = sentence[len(body) :]
    end = re.search(r"[.!?。！？]+[\"'”’」』)）]*$", body)
    cut = end.start() if end else len(body)
    gap = "" if cut and ord(body[cut - 1]) > 0x2E80 else " "
    return f"{body[:cut]}{gap}{marks}{body[cut:]}{tail}"


def tidy(text: str) -> str:
    """The text trimmed, without runs of blank lines, and with its last code fence closed."""
    text = re.sub(r"[ \t]+\n", "\n", text.strip())
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text + "\n```" if len(re.findall(r"^\s*```", text, re.MULTILINE)) % 2 else text
