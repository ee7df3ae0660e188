"""Claim, evidence -> how far the evidence carries the claim, where, and what speaks against it. Pure.

A claim is laid beside each stretch of one to three neighbouring sentences of the evidence. What it says and the stretch
does not counts against it; numbers, units, dates, names, negations and opposites that disagree make it unsupported
however much else is alike. Words are compared by their stems, not by their meaning: a claim that says the same in other
words scores low, and one that puts the same words together in another way can score high.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from grounding import analysis, polarity
from grounding.figures import Figures, disagreements, figures, split
from grounding.folding import Folded, fold, visible
from grounding.segment import sentences
from grounding.stopwords import STOP_WORDS
from grounding.values import Passage

SUPPORTED = 0.6
"""Least share of what a claim says that its evidence must say too."""
ALIGNED = 0.75
"""The same of a claim that names no passage, to be given a citation."""
MISSING = 1.0
"""What lowers the score, in powers of e, chosen on BEGIN wow_dev and HaluEval one-turn: a word that the evidence lacks,
a function word, a word by which the writer speaks of himself or to the reader, neighbours of which none are neighbours
in the evidence, and a problem."""
MISSING_FUNCTION_WORD = 0.5
MISSING_SELF = 2.0
BROKEN = 0.8
PROBLEM = 1.5
_ELSEWHERE = 0.5
"""Of a missing word that the passage has elsewhere, or its title or heading."""
_LONGEST = 3
"""Sentences of a stretch."""
_NEAR = 0.9
"""Share of the best score that another stretch needs to be taken for it, if nothing speaks against it there."""
_COMPARED = 12
_TRIED = 4
"""Stretches whose figures are compared, and that are examined for all that speaks against a claim."""
_OTHER_FIGURES = 0.8
"""What figures that disagree cost a stretch when it is chosen: less than one word that is another's."""
_IDLE = 0.8
"""How much less a function word counts where a stretch is chosen, and in the share."""
_CLAUSE = 0.6
"""Share of what a stretch has of a claim that one of its clauses has, to be what the claim is about."""
_SHORT = 3
"""Terms of a clause of the claim from which on it is compared by itself."""
_TORN = 0.4
"""Share of its sentence that a copied claim has if it is a sentence of its own, and not merely a name from it."""

_SELF = frozenset("i me my we our you your".split())
_NAME = re.compile(
    r"(?:(?<=[^.!?:\s] )|(?<=\b[DMS][rst]\. ))[A-Z][\w-]{0,40}|\b[A-Z]{2,}\b|[\u30a1-\u30fa\u30fc]{3,30}"
)
"""Capitalised words inside a sentence, acronyms, and katakana words."""
_INITIALS = re.compile(r"\b[A-Z][a-z]{1,30}(?:(?: of| and| for| of the)? [A-Z][a-z]{1,30}){1,6}")
_ACRONYM = re.compile(r"\b[A-Z]{2,12}\b")
_WORD = re.compile(r"\w[\w-]{0,60}")
_QUOTED = re.compile(r"\"([^\"\n]{8,400})\"|「([^「」\n]{6,400})」|『([^『』\n]{6,400})』")
REMEMBERED = 512
"""Sources; read, one of 2,000 characters takes some 40 KB."""
_LEAST_QUOTED = 3
"""Words between quotation marks from which on they are a quotation, and not a name or a term."""
_KANA = re.compile("[\u3040-\u309f]+\\Z")
_MIXED = re.compile("[\u3040-\u309f]")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Judged:
    """How far a claim is carried, 0 to 1; the share of what it says that is said in the span that carries it best, of
    `source`, counted from 0; and what speaks against it: number, unit, bound, date, time, code, name, negation,
    direction, order, quantity, quote."""

    score: float
    share: float = 0.0
    source: int | None = None
    span: tuple[int, int] | None = None
    problems: tuple[str, ...] = ()

    def holds(self, *, at_least: float = SUPPORTED) -> bool:
        """Whether the evidence carries the claim."""
        return self.span is not None and self.share >= at_least and not self.problems


NOTHING = Judged(0.0)
UNDECIDED = 0.2
"""Of a response that claims nothing: a mere yes, a question back."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that claims are judged by; `around` is its title and heading."""

    text: str
    around: str = ""

    @classmethod
    def of(cls, passage: Passage) -> Source:
        return cls(passage.text, f"{passage.title} {passage.heading}".strip())


def judge(claim: str, sources: Sequence[Source], *, language: str) -> Judged:
    """How far the sources carry a claim."""
    return Judge(sources, language=language).judge(claim)


def response(text: str, sources: Sequence[Source], *, language: str) -> float:
    """How far the sources carry a whole response, 0 to 1: every claim in it must hold."""
    found = Judge(sources, language=language)
    spans = [text[span.start : span.end] for span in sentences(text, language=language)]
    claims = [each for each in spans if says_something(each, language=language)]
    return math.prod(found.judge(each).score for each in claims) if claims else UNDECIDED


def says_something(text: str, *, language: str) -> bool:
    """Whether a sentence can be true or false of anything: function words and interjections alone cannot."""
    return any(term not in _empty(language) and not _KANA.match(term) for term in _terms(text))


class Readings:
    """Sources as they were read, the latest `REMEMBERED`: reading takes longer than judging, and popular passages come
    again. Thread-safe."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=REMEMBERED)(_Read)


class Judge:
    """Judges claims by the same sources, each of which is read once. Not thread-safe."""

    def __init__(self, sources: Sequence[Source], *, language: str, readings: Readings | None = None) -> None:
        self._language = language
        read = (readings or Readings()).of
        self._sources = [read(source, language) for source in sources]
        self._last = "", _Claim("", language)

    def prepare(self) -> None:
        """Reads what has not been read yet."""
        for source in self._sources:
            source.prepare()

    def judge(self, claim: str, *, within: Iterable[int] | None = None) -> Judged:
        """How far the sources carry a claim, or those numbered, from 0."""
        if not claim.strip():
            return NOTHING
        if claim != self._last[0]:  # asked again of other sources
            self._last = claim, _Claim(claim.strip(), self._language)
        wanted = self._last[1]
        if not wanted.weights and not wanted.figures:
            return NOTHING
        numbers = range(len(self._sources)) if within is None else sorted(set(within))
        for number in numbers:
            if found := self._verbatim(wanted, number):
                return found
        return self._best(wanted, numbers)

    def quotes(self, claim: str) -> bool:
        """Whether what a claim quotes word for word is in a source."""
        return all(any(quote in source.folded.text for source in self._sources) for quote in _quoted(claim))

    def _verbatim(self, claim: _Claim, number: int) -> Judged | None:
        source = self._sources[number]
        span = source.folded.find(claim.folded)
        if span is None:
            return None
        whole = source.stretch(*span)
        problems = whole.contradictions(claim)
        # What is copied can be torn out of a sentence that denies it; all else is as it was.
        if "negation" not in problems or len(claim.text) < _TORN * len(whole.text):
            return Judged(1.0, 1.0, number, span)
        return Judged(math.exp(-PROBLEM), 1.0, number, span, ("negation",))

    def _best(self, claim: _Claim, numbers: Iterable[int]) -> Judged:
        found = ((*each, number) for number in numbers for each in self._sources[number].scored(claim))
        near = sorted(found, key=lambda each: -each[0])[:_COMPARED]
        tried = [
            (rank * _OTHER_FIGURES ** len(self._figures(claim, stretch, number)), score, share, stretch, number)
            for rank, score, share, stretch, number in near
        ]
        tried.sort(key=lambda each: -each[0])
        best = NOTHING
        for rank, score, share, stretch, number in tried[:_TRIED]:
            if best.span and rank < _NEAR * tried[0][0]:
                break
            problems = self._problems(claim, stretch, number)
            span = (stretch.start, stretch.end)
            if not problems:
                return Judged(score, share, number, span)
            if best.span is None:
                best = Judged(score * math.exp(-PROBLEM * len(problems)), share, number, span, problems)
        return best

    def _figures(self, claim: _Claim, stretch: _Stretch, number: int) -> tuple[str, ...]:
        if not claim.figures:
            return ()
        return disagreements(claim.figures, stretch.figures, self._sources[number].figures_around)

    def _problems(self, claim: _Claim, stretch: _Stretch, number: int) -> tuple[str, ...]:
        found = list(self._figures(claim, stretch, number))
        if not self._sources[number].has_names(claim):
            found.append("name")
        found += stretch.contradictions(claim)
        if not self.quotes(claim.text):
            found.append("quote")
        return tuple(dict.fromkeys(found))


class _Claim:
    """A claim as it is compared."""

    def __init__(self, text: str, language: str) -> None:
        self._raw, self.text = text, polarity.plainly(text)
        self.figures, self._rest = split(self.text)
        self.terms = _terms(self._rest)
        self.weights = {term: weight for term in dict.fromkeys(self.terms) if (weight := _weight(term, language))}
        self.idle = frozenset(term for term, weight in self.weights.items() if weight <= MISSING_FUNCTION_WORD)
        self.total = sum(self.weights.values()) - _IDLE * sum(self.weights[term] for term in self.idle) or 1.0
        self.pairs = frozenset(analysis.pairs(self.terms)) or frozenset(self.terms)

    @cached_property
    def folded(self) -> str:
        return fold(self._raw).text.rstrip(".!?… ")

    @cached_property
    def clauses(self) -> list[tuple[dict[str, float], polarity.Stance]]:
        """Its clauses, and the weights of their terms; a short one counts with all of it."""
        parts = polarity.clauses(self.text)
        if len(parts) < 2 or any(len(set(_terms(part)) & self.weights.keys()) < _SHORT for part in parts):
            parts = [self.text]
        every = [({term: self.weights[term] for term in _terms(part) if term in self.weights}, part) for part in parts]
        return [(weights, polarity.stance(part)) for weights, part in every]

    @cached_property
    def names(self) -> frozenset[str]:
        words = [word for word in self._rest.split() if word[:1].isalpha()]
        if len(words) > 3 and sum(word[:1].isupper() for word in words) > 0.7 * len(words):
            return frozenset()  # a heading
        return frozenset(_NAME.findall(self._rest))


class _Stretch:
    """One to three neighbouring sentences of a source."""

    def __init__(self, source: Source, start: int, end: int, *, figures: Figures) -> None:
        self.start, self.end = start, end
        self.text = polarity.plainly(source.text[start:end])
        self.figures = figures

    @cached_property
    def _clauses(self) -> list[tuple[frozenset[str], polarity.Stance]]:
        return [(frozenset(_terms(each)), polarity.stance(each)) for each in polarity.clauses(self.text)]

    @cached_property
    def _stance(self) -> polarity.Stance:
        return polarity.stance(self.text)

    def contradictions(self, claim: _Claim) -> tuple[str, ...]:
        """What of the claim it denies, clause by clause."""
        return tuple(
            problem
            for weights, stance in claim.clauses
            for problem in polarity.contradictions(stance, self._stance_on(weights))
        )

    def _stance_on(self, weights: Mapping[str, float]) -> polarity.Stance:
        """How it says what some terms say: in one of its clauses, if that has most of what is in it at all."""
        if len(self._clauses) < 2:
            return self._stance
        said = [sum(weight for term, weight in weights.items() if term in terms) for terms, _ in self._clauses]
        every = frozenset[str]().union(*(terms for terms, _ in self._clauses))
        whole = sum(weight for term, weight in weights.items() if term in every)
        best = max(range(len(said)), key=lambda at: said[at])
        return self._clauses[best][1] if said[best] >= _CLAUSE * whole else self._stance


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    terms: frozenset[str]
    pairs: frozenset[str]
    figures: Figures


class _Read:
    """A source with its stretches, read as far as it is asked for. What one thread reads twice is the same."""

    def __init__(self, source: Source, language: str) -> None:
        self._source = source
        self._language = language

    def prepare(self) -> None:
        """Reads it whole."""
        for read in (self.folded, self.figures_around, self._all, self._known, self._initials):
            del read

    @cached_property
    def folded(self) -> Folded:
        return fold(self._source.text)

    @cached_property
    def figures_around(self) -> Figures:
        return figures(self._source.around)

    @cached_property
    def _sentences(self) -> list[_Sentence]:
        return [self._sentence(span.start, span.end) for span in sentences(self._source.text, language=self._language)]

    def _sentence(self, start: int, end: int) -> _Sentence:
        found, rest = split(polarity.plainly(self._source.text[start:end]))
        terms = _terms(rest)
        pairs = frozenset(analysis.pairs(terms)) or frozenset(terms)
        return _Sentence(start, end, frozenset(terms), pairs, found)

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset[str]().union(*(each.terms for each in self._sentences), _terms(self._source.around))

    @cached_property
    def _plain(self) -> str:
        return visible(f"{self._source.around} {self._source.text}")

    @cached_property
    def _known(self) -> frozenset[str]:
        """Its words in lower case, of joined ones also the parts."""
        found = _WORD.findall(self._plain.casefold().replace(".", ""))
        return frozenset(part for word in found for part in (word, *word.split("-")))

    @cached_property
    def _initials(self) -> frozenset[str]:
        """The acronyms that it has, and those that its names could have."""
        names = (letters for letters, _ in _initials(self._plain))
        return frozenset((*names, *_ACRONYM.findall(self._plain.replace(".", ""))))

    @cached_property
    def _stretches(self) -> dict[tuple[int, int], _Stretch]:
        return {}

    def stretch(self, start: int, end: int) -> _Stretch:
        """The whole sentences that a span touches."""
        touched = [at for at, each in enumerate(self._sentences) if each.start < end and start < each.end]
        return self._stretch(touched[0], touched[-1])

    def has_names(self, claim: _Claim) -> bool:
        """Whether each likely name of the claim is said, with its initials or in full: what is said of one is not said
        of another."""
        runs = (words for initials, words in _initials(claim.text) if initials in self._initials)
        spelled = {word for words in runs for word in words}
        return all(name in spelled or self._knows(name) for name in claim.names)

    def _knows(self, name: str) -> bool:
        if _UNSPACED.match(name):
            return name in self._plain
        bare, terms = name.casefold().removesuffix("'s"), set(_terms(name))
        return bare in self._known or name in self._initials or (bool(terms) and terms <= self._all)

    def scored(self, claim: _Claim) -> Iterator[tuple[float, float, float, _Stretch]]:
        """(rank, score, share, stretch) for each stretch; of those that have the same words, the shortest. Its function
        words tell little of whether a stretch is the one that a claim was made of: the rank hardly counts them."""
        total, weights = len(self._sentences), claim.weights
        has = [{term for term in weights if term in each.terms} for each in self._sentences]
        elsewhere = sum(_ELSEWHERE * weight for term, weight in weights.items() if term in self._all)
        absent = sum(weight for term, weight in weights.items() if term not in self._all)
        for first in range(total):
            held, paired = set[str](), set[str]()
            for last in range(first, min(total, first + _LONGEST)):
                if last > first and (has[last] <= held or has[first] <= set[str]().union(*has[first + 1 : last + 1])):
                    continue
                held |= has[last]
                paired.update(pair for pair in claim.pairs if pair in self._sentences[last].pairs)
                missing = absent + elsewhere - sum(_ELSEWHERE * weights[term] for term in held)
                broken = 1 - len(paired) / len(claim.pairs) if claim.pairs else 0.0
                idle = sum(weights[term] * (_ELSEWHERE if term in self._all else 1) for term in claim.idle - held)
                score = math.exp(-missing - BROKEN * broken)
                rank = math.exp(_IDLE * idle) * score
                share = 1 - (missing - _IDLE * idle) / claim.total
                yield rank, score, share, self._stretch(first, last)

    def _stretch(self, first: int, last: int) -> _Stretch:
        if (first, last) not in self._stretches:
            parts = self._sentences[first : last + 1]
            found = Figures()
            for part in parts:
                found |= part.figures
            self._stretches[first, last] = _Stretch(self._source, parts[0].start, parts[-1].end, figures=found)
        return self._stretches[first, last]


def _terms(text: str) -> list[str]:
    return analysis.terms(visible(text))


def _weight(term: str, language: str) -> float:
    """What a term counts that the evidence lacks."""
    if term in _SELF:
        return MISSING_SELF
    if _UNSPACED.search(term):
        return 0.0 if _KANA.match(term) else 0.2 * MISSING if _MIXED.search(term) else 0.6 * MISSING
    return MISSING_FUNCTION_WORD if term in _function_words(language) else MISSING


@lru_cache(len(STOP_WORDS) + 1)
def _empty(language: str) -> frozenset[str]:
    return _function_words(language) | frozenset(analysis.terms(_INTERJECTIONS))


_INTERJECTIONS = """\
yes yeah yep no nope well oh ah wow ok okay sure absolutely certainly indeed exactly right true of course thanks thank
you hello hi sorry please はい いいえ ええ そうです そうですね もちろん"""


@lru_cache(len(STOP_WORDS) + 1)
def _function_words(language: str) -> frozenset[str]:
    return frozenset(analysis.terms(" ".join(STOP_WORDS.get(language, STOP_WORDS["en"]))))


def _initials(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """EU, and the words that it stands for, of European Union."""
    for found in _INITIALS.findall(text):
        words = tuple(word for word in found.split() if word[0].isupper())
        for first in range(len(words)):
            for last in range(first + 2, len(words) + 1):
                yield "".join(word[0] for word in words[first:last]), words[first:last]


def _quoted(claim: str) -> Iterator[str]:
    """What stands between quotation marks and is long enough to be a quotation, folded."""
    text = claim.translate(_STRAIGHT)
    for groups in _QUOTED.findall(text):
        quote = next(filter(None, groups))
        if _UNSPACED.search(quote) or len(quote.split()) >= _LEAST_QUOTED:
            yield fold(quote).text.strip(".,!?… ")


_STRAIGHT = {ord(mark): '"' for mark in "“”„‟″«»＂"}
