"""The built-in generator: the sentences of the evidence that answer the question, word for word, each cited.

It invents nothing, and it abstains: where no sentence scores `ANSWERS` or more, the answer is empty. A sentence is
scored by the share of the question's terms that it and its section contain, and by its cosine with the question.
Rarer terms weigh more, as do codes and numbers, and the thing asked for ("what is the ... of"). A question for a
number, a date or a time wants a sentence with a digit; a question for a person, one with a name.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from grounding import history
from grounding.ports import Embedder
from grounding.safety.policy import PLACEHOLDER, REMOVED
from grounding.segment import sentences
from grounding.values import Chunk, Evidence, Prompt, Question, Usage

ANSWERS = 0.58
"""Least score of a sentence that is shown. Chosen on questions with and without an answer; see docs/evaluation.md."""
SECOND = 0.96
"""A further sentence is shown if it scores this share of the best."""
MOST_SENTENCES = 2
CANDIDATES = 20
"""Sentences whose cosine is computed, those with the best terms first: some 30 ms with the default embedder."""
FOREIGN = 0.85
"""Trust in a sentence of the other writing, which only its cosine speaks for: one's own language goes first."""
QUOTED = 0.75
"""Trust in a sentence of a quoted paragraph: somebody else says it, and the document may say that it is false."""

_COSINE_RANGE = (0.76, 0.90)
"""Cosines of the default embedder between a question and unrelated, and answering, sentences."""
_DIGIT = re.compile(r"\d|[一二三四五六七八九十百千]")
_WANTS_DIGIT = re.compile(
    r"\bhow (?:many|much|long|old|far|often|high|large|big|tall|deep|wide|heavy|fast|soon)\b|\bwhen\b|"
    r"\bwh(?:at|ich) (?:\w+ )?(?:year|date|day|time|price|percentage|number|version)\b|"
    r"いくら|いくつ|いつ|何(?:日|人|年|月|時|円|個|台|回|度|分|か月|ヶ月|週|歳|割|パーセント|メートル)",
    re.IGNORECASE,
)
_NUMBER_WORD = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|"
    r"ninety|hundred|thousand|half|quarter|twice|once|monday|tuesday|wednesday|thursday|friday|saturday|sunday|daily|"
    r"weekly|monthly|yearly|never|always|no limit)\b",
    re.IGNORECASE,
)
_WANTS_NAME = re.compile(r"^\W*(?:and |by |to |with )?who(?:m|se)?\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[\w,;] )[A-Z]\w+|^[A-Z]\w+ [A-Z]\w+")
_ASKED_FOR = re.compile(
    r"\b(?:what|which)\s+(?:is|are|was|were)\s+(?:the|an?|our|your|its|their)\s+(.+?)\s+(?:of|for|in|on|at|to|from|by)\b|"
    r"の([^のはがをに、。？?]{1,12})(?:は|を|が)[^のはがを]{0,12}[？?。]?$",
    re.IGNORECASE,
)
_MISSES = 0.15
"""Taken from the score of a sentence that has nothing of the kind that is asked for."""
_LEAD = re.compile(r"(?:[-*+•・>]|\d{1,2}[.)]|#{1,6}|\|)[ \t\u3000]*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Candidate:
    number: int
    text: str
    terms: frozenset[str]
    around: frozenset[str]
    passage: frozenset[str]
    context: str
    quoted: bool


class ExtractiveGenerator:
    """Generator without a language model. Deterministic; thread-safe as far as its embedder is."""

    name = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        """The best sentences, each followed by its marker; nothing at all where none answers."""
        chosen = self.choose(prompt.question, prompt.evidence)
        for candidate in chosen:
            yield Chunk(f"{candidate.text} [{candidate.number}]\n")
        words = sum(self._embedder.count_tokens([candidate.text for candidate in chosen])) if chosen else 0
        yield Chunk("", Usage(prompt.tokens, words, 0.0))

    def choose(self, question: Question, evidence: Sequence[Evidence]) -> list[_Candidate]:
        scored = self.scored(question, evidence)
        if not scored or scored[0][0] < ANSWERS:
            return []
        best = scored[0][0]
        chosen: list[_Candidate] = []
        for score, candidate in scored:
            if score < max(ANSWERS, SECOND * best) or len(chosen) == MOST_SENTENCES:
                break
            alike = _is_unspaced(candidate.text) == _is_unspaced(scored[0][1].text)
            if alike and not any(_overlap(candidate.terms, other.terms) > 0.6 for other in chosen):
                chosen.append(candidate)
        return chosen

    def scored(self, question: Question, evidence: Sequence[Evidence]) -> list[tuple[float, _Candidate]]:
        """Candidate sentences with their scores, best first."""
        candidates = [c for number, item in enumerate(evidence, start=1) for c in _candidates(number, item)]
        if not candidates:
            return []
        weights = _weights(question, candidates)
        shares = np.array([_share(weights, candidate) for candidate in candidates])
        order = np.argsort(-shares, kind="stable")[:CANDIDATES]
        picked = [candidates[i] for i in order]
        query = self._embedder.embed_queries([question.standalone])[0]
        cosines = self._embedder.embed_passages([candidate.context for candidate in picked]) @ query
        low, high = _COSINE_RANGE
        closeness = np.clip((cosines - low) / (high - low), 0.0, 1.0)
        scored: list[tuple[float, _Candidate]] = []
        for candidate, share, close in zip(picked, shares[order], closeness, strict=True):
            foreign = _is_unspaced(candidate.text) != _is_unspaced(question.clean)
            score = FOREIGN * float(close) if foreign else 0.6 * float(share) + 0.4 * float(close)
            score *= QUOTED if candidate.quoted else 1.0
            scored.append((score - (0.0 if _is_of_kind(question, candidate) else _MISSES), candidate))
        return sorted(scored, key=lambda pair: -pair[0])


def _candidates(number: int, item: Evidence) -> list[_Candidate]:
    """Sentences of one passage that say something, without list bullets, headings and questions."""
    passage = item.passage
    heading = f"{passage.title} {passage.heading}"
    heading_terms = frozenset(content_terms(heading))
    whole = frozenset(content_terms(passage.text)) | heading_terms
    found: list[_Candidate] = []
    for span in sentences(passage.text):
        text = passage.text[span.start : span.end].replace(REMOVED, "").strip()
        if text.startswith("#"):
            continue
        while (lead := _LEAD.match(text)) and lead.end() < len(text):
            text = text[lead.end() :]
        text = text.rstrip("| \t")
        terms = frozenset(content_terms(text))
        if len(terms) < 2 or text.endswith(("?", "？")) or set(text) <= set("-:| "):
            continue
        context = f"{passage.heading or passage.title}: {text}"
        line = passage.text[passage.text.rfind("\n", 0, span.start) + 1 : span.end]
        found.append(_Candidate(number, text, terms, heading_terms, whole, context, line.lstrip().startswith(">")))
    return found


def content_terms(text: str) -> list[str]:
    """The terms of a text that say something. A placeholder is one term, and not the words that it is made of."""
    return history.content_terms(PLACEHOLDER.sub(lambda match: match[0].strip("<>").replace("_", ""), text))


def _weights(question: Question, candidates: Sequence[_Candidate]) -> dict[str, float]:
    """How much each term of the question matters: rare ones more, those of earlier turns less than its own."""
    frequency = Counter(term for candidate in candidates for term in candidate.terms)
    own, asked_for = set(content_terms(question.clean)), _asked_for(question)
    return {
        term: math.log(1 + len(candidates) / (1 + frequency[term]))
        * (1.0 if term in own else 0.4)
        * (2.0 if term in asked_for or _DIGIT.search(term) else 1.0)
        for term in dict.fromkeys(content_terms(question.standalone))
    }


def _asked_for(question: Question) -> frozenset[str]:
    """Terms of the thing asked for: those of "home address" in "What is the home address of the director?"."""
    return frozenset(t for groups in _ASKED_FOR.findall(question.clean) for t in content_terms(" ".join(groups)))


def _is_of_kind(question: Question, candidate: _Candidate) -> bool:
    """Whether the sentence has a number where one is asked for, a name where a person is, the thing where one is."""
    asked_for = _asked_for(question)
    if asked_for and not asked_for & (candidate.terms | candidate.around):
        return _is_unspaced(candidate.text) != _is_unspaced(question.clean)
    if _WANTS_DIGIT.search(question.clean):
        return bool(_DIGIT.search(candidate.text) or _NUMBER_WORD.search(candidate.text))
    if _WANTS_NAME.search(question.clean) and not _is_unspaced(candidate.text):
        return any(name.casefold() not in question.clean.casefold() for name in _NAME.findall(candidate.text))
    return True


def _share(weights: dict[str, float], candidate: _Candidate) -> float:
    """Share of the question's weight found: in the sentence wholly, in headings or elsewhere in the passage less."""
    total = sum(weights.values())
    found = sum(
        weight * (1.0 if term in candidate.terms else 0.7 if term in candidate.around else 0.4)
        for term, weight in weights.items()
        if term in candidate.passage
    )
    return found / total if total else 0.0


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / min(len(a), len(b))


def _is_unspaced(text: str) -> bool:
    """Whether the text is written without spaces, as Japanese and Chinese are."""
    return len(_UNSPACED.findall(text)) > len(text) / 5
