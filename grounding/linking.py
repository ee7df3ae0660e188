"""Names in passages and in questions, so that one finds the other: what is recorded of a passage at ingest, and what is
looked up for a question. Pure.

A name is recorded as it is written and under the other forms that it goes by: initials (World Health Organization,
WHO), a surname alone, an abbreviation that the document itself explains, and, in the passages that have only the
shorter form, the longer one. A question is looked up by all runs of its words, because an extractor that knows no
language but its own, or sees no capitals, misses names that the collection knows.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from grounding.entities import NAMED, UNSPACED, folded, normalise
from grounding.stopwords import STOP_WORDS
from grounding.values import Entity

LONGEST_NAME = 80
"""Characters; what is longer is a sentence taken for a name."""
MOST_WORDS, MOST_SIGNS = 6, 16
"""Of a name that is looked up: words, or characters where words are not spaced. A document's title that is no longer
names what it is about."""
MOST_ATOMS = 150
MOST_CANDIDATES = 900
"""Of a question: its first words, and names looked up for it. A seek for each."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name that a passage speaks of. `alias` where this form of it is not written there but follows from what is;
    `titled` where the title of its document says it."""

    name: str
    label: str
    surface: str
    alias: bool = False
    titled: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name that a question may speak of: its place in the folded question; whether it is a form that the question
    does not write out; and whether an extractor took it for a name."""

    name: str
    start: int
    end: int
    alias: bool = False
    recognised: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """The names that a question speaks of and the collection knows, each in its forms, the surest first; and how many
    were recognised that it does not know."""

    names: tuple[tuple[Candidate, ...], ...]
    unknown: int = 0


# --- What is recorded of passages


def mentions(title: str, passages: Sequence[tuple[str, Sequence[Entity]]]) -> list[dict[str, Mention]]:
    """What each passage of a document speaks of, by normal form. `passages` are texts with the entities found."""
    found = [_written(entities) for _, entities in passages]
    abbreviations = _abbreviations(passages)
    for own, (text, _) in zip(found, passages, strict=True):
        _add_explained(own, text, abbreviations)
    surnames = _surnames(found)
    heading = folded(title)
    topic = _topic(heading)
    whole = _words(heading.casefold())
    said = {mention.name: mention for own in found for mention in own.values() if _within(mention.name, whole)}
    for own, (text, _) in zip(found, passages, strict=True):
        for mention in list(own.values()):
            for full in surnames.get(mention.name, ()):
                own.setdefault(full.name, replace(full, surface=mention.surface, alias=True))
            for name in aliases(mention.surface, mention.label):
                own.setdefault(name, Mention(name, mention.label, mention.surface, alias=True))
        for mention in (*said.values(), *topic):
            # An extractor that took it for a name here may have missed it there.
            unsaid = mention.surface not in text
            held = own.get(mention.name, replace(mention, alias=True))
            own[mention.name] = replace(held, alias=held.alias and unsaid, titled=True)
    return found


def _written(entities: Sequence[Entity]) -> dict[str, Mention]:
    own: dict[str, Mention] = {}
    for entity in entities:
        name = normalise(entity.text)
        if 1 < len(name) <= LONGEST_NAME or (name and not name.isascii()):
            own.setdefault(name, Mention(name, entity.label, entity.text))
    return own


def _surnames(found: Sequence[Mapping[str, Mention]]) -> dict[str, list[Mention]]:
    """Surname -> persons whom the document names in full."""
    persons = {m.name: m for own in found for m in own.values() if m.label == "PERSON" and not m.alias}
    by_surname: dict[str, list[Mention]] = {}
    for person in persons.values():
        for surname in aliases(person.surface, "PERSON"):
            by_surname.setdefault(surname, []).append(person)
    return by_surname


def _topic(title: str) -> list[Mention]:
    title = _ASIDE.sub("", title).strip()
    spaced = title.split(" ")
    fits = len(spaced) <= MOST_WORDS and len(title) <= (MOST_SIGNS if _UNSPACED.search(title) else LONGEST_NAME)
    name = normalise(title)
    return [Mention(name, "OTHER", title)] if len(name) > 1 and fits else []


_ASIDE = re.compile(r" ?\([^()]*\)$")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_APART = re.compile(r"[^\w]+")


def _words(text: str) -> str:
    return f" {_APART.sub(' ', text).strip()} "


def _within(name: str, words: str) -> bool:
    """Whether the words say the name: as words, or anywhere where words are not spaced."""
    return len(name) > 1 and ((name in words) if _UNSPACED.search(name) else f" {_APART.sub(' ', name)} " in words)


# --- Other forms of a name

_SMALL = frozenset("of the and for in on de la le les des du di del der die das und von van et e y & to a an".split())
_PARTS = re.compile(rf"[・･=゠＝·]|(?<=[{UNSPACED}])[ 　](?=[{UNSPACED}])")
_KANJI_NAME = re.compile(r"[々〇一-鿿]{4}\Z")


def aliases(surface: str, label: str) -> Iterator[str]:
    """Other normal forms that a name goes by: initials of three words or more (of two for what is no person, as UN), a
    person's surname."""
    if label not in NAMED or len(surface) > LONGEST_NAME:
        return
    if _UNSPACED.search(surface):
        if label in ("PERSON", "OTHER") and len(parts := _PARTS.split(surface)) > 1 and len(parts[-1]) > 1:
            # Written in Katakana a foreign name ends in the surname, a native one with a space begins with it.
            last = normalise(parts[0] if re.search("[一-鿿]", surface) else parts[-1])
            if len(last) > 1:
                yield last
        elif label == "PERSON" and _KANJI_NAME.match(name := normalise(surface)):
            yield name[:2]
        return
    words = re.split(r"[ \-]", folded(surface).strip(" .,;:'\""))
    if len(words) < 2:
        return
    if label == "PERSON":
        last = normalise(words[-1])
        if len(last) > 2 and last.isalpha() and words[0][:1].isupper() and words[-1][:1].isupper():
            yield last
    capitals = [word[0] for word in words if word and word.casefold() not in _SMALL]
    least = 3 if label in ("PERSON", "OTHER") else 2
    if least <= len(capitals) <= 7 and all(c.isupper() for c in capitals):
        yield "".join(capitals).casefold()


# --- Abbreviations that a text explains

_BRACKETS = re.compile(r"(?:(?<=\w)|(?<=\w ))[(（\[]([^()（）\[\]\n]{2,14})[)）\]]")
_LATIN_SHORT = re.compile(r" ?[(（]([A-Z][A-Z0-9\-]{1,8})[)）]")


def explained(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of a long form and the short one after it in brackets: heat shock protein 90 (HSP90), 国際連合（国連）.

    Source: Schwartz and Hearst, A simple algorithm for identifying abbreviation definitions in biomedical text, 2003.
    """
    for match in _BRACKETS.finditer(text):
        short = match[1].strip()
        if not short[:1].isalnum() or short.isdigit() or " " in short:
            continue
        before = text[max(0, match.start() - 10 * len(short) - 20) : match.start()].rstrip()
        native = bool(_UNSPACED.match(short))
        if native != bool(_UNSPACED.match(before[-1:])) or (not native and sum(map(str.isupper, short)) < 2):
            continue
        long = _long_form(short.casefold(), before, native=native)
        if long is not None:
            yield long, short


def _long_form(short: str, before: str, *, native: bool) -> str | None:
    """The shortest end of `before` that has the letters of `short` in their order, its first beginning a word."""
    lower = before.casefold()
    if len(lower) != len(before):
        return None
    at = len(lower)
    for place in range(len(short) - 1, -1, -1):
        letter = short[place]
        if not letter.isalnum():
            continue
        at -= 1
        while at >= 0 and (lower[at] != letter or (place == 0 and not native and at > 0 and lower[at - 1].isalnum())):
            at -= 1
        if at < 0:
            return None
    long = before[at:]
    if native:
        fits = len(short) < len(long) <= 3 * len(short) + 4 and not re.search(r"[\s、。（）「」]", long)
    else:
        fits = len(short) < len(long) and len(long.split()) <= min(len(short) + 5, 2 * len(short)) and "." not in long
    return long if fits else None


@dataclass(frozen=True, slots=True)
class _Abbreviation:
    """A name in its long and its short form, and how the short one is found as a word."""

    forms: tuple[str, str]
    names: tuple[str, str]
    word: re.Pattern[str]


def _abbreviations(passages: Sequence[tuple[str, Sequence[Entity]]]) -> list[_Abbreviation]:
    """Those that the document itself explains."""
    long_of: dict[str, str] = {}
    for text, entities in passages:
        if _BRACKETS.search(text):
            long_of.update((short, long) for long, short in explained(text))
            # What is written in one script and abbreviated in another has no letters in common with it.
            for entity in entities:
                short = _LATIN_SHORT.match(text, entity.end)
                if short and entity.label in NAMED and not entity.text.isascii():
                    long_of.setdefault(short[1], entity.text)
    found = []
    for short_form, long in long_of.items():
        names = normalise(long), normalise(short_form)
        if names[0] != names[1] and all(1 < len(name) <= LONGEST_NAME for name in names):
            edges = ("", "") if _UNSPACED.match(short_form) else (r"(?<!\w)", r"(?!\w)")
            word = re.compile(re.escape(short_form).join(edges))
            found.append(_Abbreviation((long, short_form), names, word))
    return found


def _add_explained(own: dict[str, Mention], text: str, abbreviations: Sequence[_Abbreviation]) -> None:
    """Adds both forms to a passage that has one of them, the other as an alias."""
    for it in abbreviations:
        has = it.forms[0] in text, it.forms[1] in text and it.word.search(text) is not None
        if not any(has):
            continue
        label = next((own[name].label for name in it.names if name in own), "OTHER")
        for name, form, written in zip(it.names, it.forms, has, strict=True):
            held = own.get(name)
            if held is None or (held.alias and written):
                surface = form if written else it.forms[has.index(True)]
                own[name] = Mention(name, label, surface, alias=not written)


# --- What is looked up for a question


_NATIVE = rf"{UNSPACED}\uac00-\ud7af"
_ATOM = re.compile(rf"[ァ-ヶー]+|[{_NATIVE}]|[^\W_{_NATIVE}]+(?:[.\-/'+#&][^\W_{_NATIVE}]+)*[+#]*")
"""A word; where words are not spaced, and in Hangul, where particles are not, one sign, but Katakana as a whole:
アメリカ is not in アメリカン."""
_JOINT = re.compile(r"(?: ?[&,:.·] ?| |)\Z")
_POSSESSIVE = re.compile(r"'s?$")
_HIRAGANA = re.compile(r"[\u3040-\u309f]{1,3}\Z")


def _says_nothing(word: str, *, cased: bool, common: frozenset[str]) -> bool:
    """Whether a single word is no name by itself, though initials may be spelt like it: who, it, us. Where a question
    has capitals, what is as short as that and has none is a word."""
    if cased and word.isupper() and len(word) > 1:
        return False
    return word.casefold() in common or (cased and len(word) < 4 and word.islower())


def candidates(text: str, entities: Sequence[Entity] = (), *, language: str = "und") -> list[Candidate]:
    """What to look up for a question: the names that were recognised and their other forms, and all short runs of its
    words; where words are not spaced, of its characters."""
    whole = folded(text)
    cased = not (whole.islower() or whole.isupper())
    common = STOP_WORDS.get(language, STOP_WORDS["en"])
    found: dict[tuple[str, int], Candidate] = {}
    for entity in entities:
        if name := normalise(entity.text):
            written = folded(entity.text)
            start = max(whole.find(written), 0)
            end = start + len(written)
            found.setdefault((name, start), Candidate(name, start, end, recognised=True))
            for form in aliases(entity.text, entity.label):
                found.setdefault((form, start), Candidate(form, start, end, alias=True))
    for start, end in _runs(whole):
        run = whole[start:end]
        name = _POSSESSIVE.sub("", run.casefold())
        if (
            1 < len(name) <= LONGEST_NAME
            and not _HIRAGANA.match(name)
            and not _says_nothing(run, cased=cased, common=common)
        ):
            found.setdefault((name, start), Candidate(name, start, end))
            if other := _other_number(name):
                found.setdefault((other, start), Candidate(other, start, end, alias=True))
        if len(found) >= MOST_CANDIDATES:
            break
    return list(found.values())


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Spans of short runs of words."""
    atoms = list(_ATOM.finditer(text))[:MOST_ATOMS]
    for first, atom in enumerate(atoms):
        words = signs = 0
        for at, last in enumerate(atoms[first:], start=first):
            if at > first and not _JOINT.match(text, atoms[at - 1].end(), last.start()):
                break
            size = last.end() - last.start()
            single = size == 1 and not last.group().isascii()
            words, signs = words + (not single), signs + (0 if last.group()[0].isascii() else size)
            if words > MOST_WORDS or (single and signs > MOST_SIGNS):
                break
            yield atom.start(), last.end()


def _other_number(name: str) -> str | None:
    """The singular of what may be a plural, or the plural."""
    if not name.isascii() or len(name) < 5 or not name[-3:].isalpha():
        return None
    return name + "s" if name[-1] != "s" else name[:-1] if name[-2] != "s" else None


def link(candidates: Sequence[Candidate], known: Container[str]) -> Linked:
    """The candidates that are known, the longest where some overlap. Pure."""
    held = sorted(
        (candidate for candidate in candidates if candidate.name in known),
        key=lambda it: (it.alias, it.start - it.end, it.start, it.name),
    )
    names: list[list[Candidate]] = []
    for candidate in held:
        overlapping = next((forms for forms in names if _overlap(candidate, forms[0])), None)
        if overlapping is None:
            names.append([candidate])
        elif candidate.alias and (candidate.start, candidate.end) == (overlapping[0].start, overlapping[0].end):
            overlapping.append(candidate)
    unknown = sum(
        candidate.recognised and not any(_overlap(candidate, forms[0]) for forms in names) for candidate in candidates
    )
    return Linked(tuple(map(tuple, names)), unknown)


def _overlap(one: Candidate, other: Candidate) -> bool:
    return one.start < other.end and other.start < one.end


def strength(*, alias: bool, titled: bool) -> float:
    """How surely a passage speaks of a name, 0 to 1: most where title and text write it, least where neither does."""
    return 0.5 if alias and not titled else 1.0 if titled and not alias else 0.8


OTHER_FORM = 0.6
"""What is left of that where the question does not write the name in this form."""
