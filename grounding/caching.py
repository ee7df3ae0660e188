"""Which answer may be given again: what must be the same (`Scope`), when two questions say the same (`guard`), and
whether an answer still holds (`holds`). Pure, but for the seam to what keeps them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Protocol, runtime_checkable

import grounding
from grounding.figures import figures
from grounding.safety.policy import Policy
from grounding.settings import Settings
from grounding.values import Evidence, Exchange, FloatVector, Question, Template, Verdict


@dataclass(frozen=True, slots=True)
class Scope:
    """All that must be the same for an answer to be given again, but for the question.

    `standing` is what `Answers.standing` says of the collection, `readable` what the caller may read and `filters` what
    they asked for, `history` the role and content of each turn in the prompt, `program` what `program` says of the
    settings.
    """

    collection: str
    standing: str
    embedder: str
    readable: Mapping[str, object]
    filters: Mapping[str, object]
    prompt: Template
    instructions: str
    generator: str
    top_k: int
    policy: Policy
    checks: tuple[str, ...]
    language: str
    history: tuple[tuple[str, str], ...]
    program: str

    def digest(self) -> bytes:
        """SHA-256 of all of it; 32 bytes."""
        return _digest(asdict(self))


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that is looked for, or kept. `scope`, `key` and `guard` are digests; `vector` is the question's, None
    where no other question than the very same will do."""

    scope: bytes
    key: bytes
    guard: bytes
    vector: FloatVector | None = None


@runtime_checkable
class Answers(Protocol):
    """Answers that may be given again: where to find their Exchanges. To forget one costs time and nothing else, so
    that no method fails on a store that is busy."""

    def standing(self, collection: str) -> str | None:
        """Which collection of this name there is, and after which change of it: what it says is another after every
        change, and never comes back. None where that cannot be told now."""

    def same(self, wanted: Wanted, *, since: datetime) -> Exchange | None:
        """The record of the answer to the same question in the same scope, kept since then."""

    def like(self, wanted: Wanted, *, since: datetime, similarity: float) -> Exchange | None:
        """The record of the answer to the question that is nearest, of those in the same scope with the same guard
        whose cosine is at least so high."""

    def keep(
        self, wanted: Wanted, *, trace_id: str, collection: str, standing: str, since: datetime, entries: int
    ) -> None:
        """Keeps that this Exchange, which is recorded, answers it, if the collection still stands as it did; forgets
        what is older than `since`, and the oldest beyond so many entries."""


def program(settings: Settings) -> str:
    """A digest of every setting that an answer may depend on, whichever generator gives it, and of this version."""
    shown = settings.model_dump(mode="json", include={"models", "retrieval", "prompting", "generators", "routes"})
    return _digest([grounding.__version__, shown]).hex()


def wanted(scope: Scope, question: Question) -> Wanted:
    """What to look for, without a vector."""
    within = scope.digest()
    key = _digest([within.hex(), question.clean, question.standalone, question.context])
    return Wanted(within, key, guard(question.clean))


def stands_alone(question: Question) -> bool:
    """Whether a question takes nothing over from before: only such a one may be answered as another is."""
    return question.standalone == question.clean and not question.context


def is_whole(exchange: Exchange) -> bool:
    """Whether an answer may be given again at all. A record whose words were taken out has no quotes any more."""
    answer = exchange.answer
    return exchange.outcome == "answered" and exchange.error is None and answer is not None and bool(answer.citations)


def renewed(exchange: Exchange, document_text: Callable[[str, int], str | None]) -> Exchange | None:
    """A recorded answer with its evidence in the documents' own words, of which a record may hide some; None where a
    quote does not stand any more where it stood. `document_text` gives a document's text in a version."""
    if not is_whole(exchange) or exchange.answer is None:
        return None
    texts: dict[tuple[str, int], str | None] = {}

    def span(document_id: str, version: int, start: int, end: int) -> str | None:
        if (document_id, version) not in texts:
            texts[document_id, version] = document_text(document_id, version)
        text = texts[document_id, version]
        return None if text is None or end > len(text) else text[start:end]

    for citation in exchange.answer.citations:
        if span(citation.document_id, citation.version, citation.start, citation.end) != citation.quote:
            return None
    evidence: list[Evidence] = []
    for item in exchange.evidence:
        passage = item.passage
        text = span(passage.document_id, passage.version, passage.start, passage.end)
        if text is None:
            return None
        evidence.append(replace(item, passage=replace(passage, text=text)))
    return replace(exchange, evidence=tuple(evidence))


def verdicts(exchange: Exchange) -> list[Verdict]:
    """What was decided of the evidence and of the answer, which holds for whoever is given them again."""
    return [verdict for verdict in exchange.verdicts if verdict.part.startswith(("passage:", "answer"))]


_COURTESY = re.compile(
    r"^(?:(?:hello|hi|hey|please|(?:can|could|would|will) you(?: please)? tell me|(?:please )?tell me"
    r"|i(?: would|'d) like to know|do you know)\b[\s,:!.]*)+(?=\w)|[\s,]+(?:please|thanks|thank you)(?=\W*$)"
    r"|^(?:すみません|教えてください)[、。,\s]*"
)
_SHORTENED = (
    (re.compile(r"\b(what|who|where|when|how|that|there|it)['’]s\b"), r"\1 is"),
    (re.compile(r"\b(can)(?:['’]?t|not)\b"), r"\1 not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|must|should|could|would|has|have|had)n['’]?t\b"), r"\1 not"),
    (re.compile(r"(?:でしょうか|ですか)(?=\W*$)"), "ですか"),
)
_ARTICLE = "the"
"""No other: vitamin A and hepatitis A are named by one."""
_SIGN = re.compile(r"[^\W_]+|[^\w\s]|_")
_MARKS = frozenset(".,;:!?…。、，！？．：；「」『』\"“”‘’'`()（）[]¿¡")
"""Say nothing by themselves; within a word or a number they part it, as they do in every other question."""
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")


def guard(question: str) -> bytes:
    """A digest that two questions share only if they have the same words in the same order, the same signs, figures and
    words in capitals: they may differ in case, punctuation, "the", short forms and
    courtesies.

    Vectors alone say that May is March and allowed is forbidden; see docs/cache.md for figures.
    """
    text = " ".join(unicodedata.normalize("NFKC", question).split())
    capitals = sorted(set(_CAPITALS.findall(text)))
    plain = _COURTESY.sub("", text.casefold())
    for pattern, whole in _SHORTENED:
        plain = pattern.sub(whole, plain)
    words = [word for word in _SIGN.findall(plain) if word != _ARTICLE and word not in _MARKS]
    return _digest([words, capitals, sorted(map(str, _all(text)))])


def _all(text: str) -> list[object]:
    found = figures(text)
    return [*found.numbers, *found.dates, *found.times, *found.codes]


def _digest(value: object) -> bytes:
    shown = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(shown.encode()).digest()
