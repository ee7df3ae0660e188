"""Names of persons and places, and addresses: by a recogniser of entities, and by rules for what a small one misses.

The rules read what stands around a name: titles, "my name is", "lives in", a street's word, a line of a visiting card;
Japanese ones are those of `japanese_names`. They see more than the recogniser where texts are short, in small letters
or in capitals, or hold names of other languages, as questions do. What is found once is found wherever it stands again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grounding.ports import EntityExtractor
from grounding.safety.addresses import addresses_in
from grounding.safety.japanese_names import is_japanese_name, japanese_names_in, without_honorific
from grounding.safety.lexicon import (
    ACRONYMS,
    ALSO_WORDS,
    AMBIGUOUS,
    CITIES,
    COUNTRIES,
    GIVEN_NAMES,
    NO_NAME,
    ORDINARY,
    PARTICLES,
)
from grounding.safety.pii import narrow
from grounding.values import Entity, Finding

_KINDS = {"PERSON": "PERSON", "PLACE": "LOCATION"}
_OTHER_NAMES = frozenset({"ORG", "PRODUCT", "WORK", "OTHER", "EVENT"})
_PRIORITIES = {"STREET_ADDRESS": 0, "PERSON": 1, "LOCATION": 2}
"""What a stretch is that is found as two kinds: the lowest."""
_UNKNOWN = "und"

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_LETTER = re.compile(r"[^\W\d_]")
_JAPANESE = re.compile(r"[ぁ-ヿ㐀-鿿]")
_KANA = re.compile(r"[ぁ-ヿ]")
_ENDS_OF_WORDS = tuple(
    (
        "ing ed ly tion tions sion sions ment ments ness able ible ance ances ence ences ity ities ive ives ous ful "
        "less ship ships ware ism isms ist ists ology ologies ise ised ize ized mycin itis osis opathy"
    ).split()
)
"""How many ordinary words end, and few names."""
_ORGANISATION = re.compile(
    r"\b(?:inc|ltd|llc|llp|plc|gmbh|ag|corp|corporation|company|co|group|holdings?|partners|associates|university"
    r"|institute|ministry|department|agency|bank|union|association|foundation|labs?|laborator(?:y|ies)|hospital|council"
    r"|committee|technologies|systems|software|solutions|services|industries|international|network|media|records"
    r"|orchestra|band|team|club|church|party|college|school|clinic|insurance|capital|ventures|consulting)\b",
    re.IGNORECASE,
)
_MOST_WORDS = 5
_MOST_FOREIGN = 0.4
"""Of a text in English at most so much is beyond ASCII."""
_CUE_WITHIN = 40
_NEAR = 8
"""So many spans before a name are looked at; longer ones are not overlapped by more."""

_NAME_IN_ANY_CASE = re.compile(r"[^\W\d_][^\n,;:!?\"()<>]{1,60}")
_NAME_WORD = re.compile(r"[^\s.]+\.?")
_SMALL_WORD = re.compile(r"(?<![\w@.\-/_'])[a-zà-ÿ]{4,12}(?![\w@\-/_(]|\.\w)")
_PLACE_WORD = re.compile(r"[^\W\d_]+(?:[.\-][^\W\d_]+)*")
_LONGEST_PLACE = 40
_JOINS_BEFORE = re.compile(r"(?:, (?:and |or )?| and | or | & |/)\Z")
_JOINS_AFTER = re.compile(r", (?:and |or )?| and | or | & |/")

_CARD_CHARS = 300
_CARD_LINES = re.compile(r"[^\n]{0,80}\n")
_CARD_ITEM = re.compile(r"(?:\b(?:phone|mobile|tel|fax|e-?mail|address|office|desk)\b ?:|@|\+\d)", re.IGNORECASE)
_LINE_OF_NAME = re.compile(
    r"(?:\A|(?<=\n))[ >?]{0,5}"
    r"(?P<name>(?:[^\W\d_](?:[^\W\d_]|['’.\-]){0,30}[ ]){1,3}[^\W\d_](?:[^\W\d_]|['’\-]){1,30})[ ]{0,5}(?=\n)"
)

_RELATION = (
    r"wife|husband|spouse|partner|fianc[ée]e?|son|daughter|kid|child|brother|sister|mother|father|mom|mum|dad|parents?"
    r"|friend|boss|colleague|cousin|uncle|aunt|niece|nephew|neighbou?r|girlfriend|boyfriend|grandmother|grandfather"
    r"|roommate|flatmate|landlord|tenant|guardian|assistant"
)
_TITLE = (
    r"(?:(?:Mrs?|Ms|Mx|Dr|Prof|Sr|Sra|Hr|Fr|St)\.|Mrs?|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Lady|Lord|Herr|Frau|Señora?"
    r"|Monsieur|Madame|Mme|Mlle|Captain|Sergeant|Judge|Senator|Congressman|Rabbi|Pastor|Sheikh)"
)
# Cues after which a name stands, if it has a capital; and those that are so clear that it may have none.
_BEFORE_PERSON = re.compile(
    rf"(?<![\w.])(?:{_TITLE}[ ]"
    r"|names?(?:[ ](?:is|was|are|to)|:|=)[ ]{0,8}|name's[ ]|(?:I'm|I’m|I[ ]am|this[ ]is|it's)[ ]"
    r"|(?:called?|named|known[ ]as|nicknamed|calls)[ ](?:me[ ]|him[ ]|her[ ])?"
    r"|(?:directed|written|sung|signed|produced|painted|composed|approved|reviewed|reported|submitted|requested)"
    r"[ ]by:?[ ]{0,8}"
    rf"|(?:{_RELATION})(?:'s[ ]name)?,?[ ]|(?:dear|hi|hello|hey)[ ]"
    r"|(?:regards|sincerely|cheers|thanks|yours|signed|love),?[ ]?\n[ \n]{0,4}"
    r"|(?:attn|attention|contact|user|sender|recipient|beneficiary|author|patient|employee|customer|manager|owner"
    r"|applicant|(?:account|card|policy)[ ]?holder|(?:full|last|first)[ ]name|surname):?(?:[ ]is)?[ ]{1,8}"
    r"|(?:starring|featuring|ask(?:ed)?|told|tell|met|meet|married|hired|assigned[ ]to|said|says|heard"
    r"|(?:change|correct)[ ]it[ ]to|it's[ ]under|(?:follow[ ]up|speak|spoke|talk|talked|meeting|call)[ ](?:with|to))[ ]"
    r"|(?:name|surname|nickname)\?[ ](?:it's[ ])?)\Z",
    re.IGNORECASE,
)
_CLEARLY_BEFORE_PERSON = re.compile(
    r"(?<!\w)(?:(?:(?:my|his|her|their|full|first|last|maiden|middle|family|given)[ ]name|surname)(?:[ ](?:is|was)|:)"
    r"[ ]{1,3}|name:[ ]{1,8}|(?:people|they|friends|everyone)[ ]calls?[ ](?:me|him|her)[ ]|call[ ]me[ ]"
    r"|i['’]?m[ ]called[ ]|(?:mr|mrs|ms|dr|prof)\.[ ]|(?:mr|mrs)[ ])",
    re.IGNORECASE,
)
_AFTER_PERSON = re.compile(
    r"(?:['’]s[ ](?:name|address|phone|number|email|birthday|wife|husband|kid|child|son|daughter|mother|father|house"
    r"|account|card|killers?|salary|novel|song)\b"
    r"|[ ](?:lives?|lived|said|says|asked|shouted|wrote|began|told|called|phoned|emailed|married|was[ ]born|moved|works"
    r"|worked|joined|signed|thinks|wants|grew[ ]up|has[ ]been|had[ ]given|spent|from"
    r"|is[ ](?:an?|the|my|our|his|her|very|so)[ ]"
    r"(?!\w{1,20}[ ](?:software|tool|library|company|platform|language|agency|framework)))\b"
    r"|,[ ]can[ ]I\b|:[ ]?[\"“]"
    r"|[ ]as[ ](?:an?[ ]|my[ ]|the[ ]|our[ ])?(?:guardian|beneficiary|witness|contact|reference|executor))",
    re.IGNORECASE,
)
_BEFORE_PLACE = re.compile(
    r"(?<!\w)(?:(?:live[sd]?|living|reside[sd]?|residing|based|born|raised|grew[ ]up|stay(?:s|ed|ing)?|located|situated"
    r"|office|travel(?:s|ed|led|ing|ling)?|fl[ey]w|fly(?:ing)?|flies|moved?(?:[ ]here)?|moving|relocat(?:e|ed|ing)"
    r"|return(?:s|ed|ing)?|arriv(?:e|es|ed|ing)|going|went|go|headed|heading|drove|drive|driving|came|com(?:e|es|ing)"
    r"|originally|trip|i'm|i[ ]am|we're|we[ ]are|he's|she's|is|city|university|bishop|mayor|people|citizen|native|world"
    r"|back|down)[ ](?:to|in|at|from|near|of|outside|through|around)[ ]"
    r"|(?:where|location|city|town|place|country|hometown|residence|birthplace)\s?:[ ]{0,3}"
    r"|(?:home|capital)[ ](?:city|town)[ ](?:of[ ])?|visit(?:ed|ing)?[ ])\Z",
    re.IGNORECASE,
)
_CLEARLY_BEFORE_PLACE = re.compile(
    r"(?<!\w)(?:(?:lives?|lived|living|resid(?:e|es|ing)|born|grew[ ]up)[ ]in[ ]|moved[ ](?:here[ ])?(?:to|from)[ ]"
    r"|(?:flew|fly)[ ]to[ ]|originally[ ]from[ ]|(?:city|town|hometown|place of birth|where):[ ])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Capitalised words that stand together, with the particles between them: what may be one name."""

    start: int
    end: int
    words: tuple[str, ...]


class NameFinder:
    """PiiFinder of PERSON, LOCATION and STREET_ADDRESS. `model` says which models the extractor has: part of the
    version, for others find others."""

    def __init__(self, extractor: EntityExtractor, *, model: str = "") -> None:
        self._extractor = extractor
        self._model = model

    @property
    def version(self) -> str:
        return "-".join(filter(None, ("names-1", self._model)))

    def find(self, text: str, *, language: str) -> list[Finding]:
        if not _LETTER.search(text):
            return []
        if language == _UNKNOWN:
            language = "ja" if _KANA.search(text) else "en"
        (entities,) = self._extractor.extract([text], language=language)
        found = [Finding(_KINDS[e.label], e.start, e.end, 0.7) for e in map(_trimmed, entities) if _may_be(e, language)]
        found += [Finding("STREET_ADDRESS", start, end, 0.8) for start, end in addresses_in(text)]
        if _JAPANESE.search(text):
            found += japanese_names_in(narrow(text))
        if language != "ja":
            found += _western(text, entities, found, english=language == "en")
        return _merged(text, found)


def _trimmed(entity: Entity) -> Entity:
    """Without what is no part of a name: small words before it, 's or さん after it."""
    text, start = entity.text, entity.start
    while (space := text.find(" ")) > 0 and text[:space].islower() and text[:space] not in PARTICLES:
        text, start = text[space + 1 :], start + space + 1
    if text.endswith(("'s", "’s")):
        text = text[:-2]
    text = without_honorific(text)
    return replace(entity, text=text, start=start, end=start + len(text))


def _may_be(entity: Entity, language: str) -> bool:
    """False for what a small recogniser takes for a person or a place because it is capitalised."""
    if entity.label not in _KINDS or not _LETTER.search(entity.text):
        return False
    words = _WORD.findall(entity.text)
    if _JAPANESE.search(entity.text):
        return is_japanese_name(entity.text)
    if entity.text.isupper() and len(entity.text) < 5:
        return entity.text in ACRONYMS
    named = [word for word in words if word[0].isupper() and word.casefold() not in ORDINARY]
    return bool(named) and (len(words) > 1 or not _is_like_a_word(named[0]))


def _is_like_a_word(word: str) -> bool:
    folded = word.casefold()
    return folded in ORDINARY or (
        word.isascii() and folded not in GIVEN_NAMES and len(word) > 4 and folded.endswith(_ENDS_OF_WORDS)
    )


def _western(text: str, entities: Sequence[Entity], known: Sequence[Finding], *, english: bool) -> list[Finding]:
    """Persons and places that the rules find, besides those that are known."""
    found = [*_cued(text), *_gazetteer(text), *_given(text)]
    runs = _runs(text) if english and not _is_foreign(text) else []
    others = [entity for entity in entities if entity.label in _OTHER_NAMES]
    taken = sorted((f.start, f.end) for f in (*known, *found))
    for run in runs:
        if _overlaps(taken, run.start, run.end):
            continue
        kind = _judged(text, run, named=any(e.start < run.end and run.start < e.end for e in others))
        if kind:
            found.append(Finding(kind, run.start, run.end, 0.6))
    found += _coordinated(text, runs, [*known, *found])
    found += _visiting_card(text, [*known, *found])
    return [*found, *_again(text, [*known, *found])]


def _is_foreign(text: str) -> bool:
    """Whether so much is beyond ASCII that the text itself is in another language, not its names alone."""
    return sum(not sign.isascii() and sign.isalpha() for sign in text) > _MOST_FOREIGN * len(text)


def _runs(text: str) -> list[_Run]:
    """In order. A word that is capitalised for its place alone begins none."""
    runs: list[_Run] = []
    words: list[tuple[int, int]] = []
    initial = False  # whether the word before is one letter: what follows is a name, whatever it means

    def close() -> None:
        while words and text[slice(*words[-1])] in PARTICLES:
            words.pop()
        if words:
            runs.append(_Run(words[0][0], words[-1][1], tuple(text[a:b] for a, b in words)))
        words.clear()

    for match in _WORD.finditer(text):
        start, end = match.span()
        if match[0].endswith(("'s", "’s")):
            end -= 2
        word = text[start:end]
        between = text[words[-1][1] : start] if words else ""
        if words and between not in ((" ", ". ") if initial else (" ", "  ")):
            close()
        if len(words) >= _MOST_WORDS:
            close()
        initial = initial and bool(words)
        if (word[0].isupper() and (initial or word.casefold() not in ORDINARY)) or (words and word in PARTICLES):
            words.append((start, end))
            if end != match.end():
                close()
        else:
            close()
        initial = len(word) == 1
    close()
    return runs


def _judged(text: str, run: _Run, *, named: bool) -> str | None:
    """PERSON or LOCATION, by the words themselves and by what stands around; `named`: the recogniser sees a name."""
    name = text[run.start : run.end]
    if len(run.words) == 1 and _is_like_a_word(name):
        return None
    if _ORGANISATION.search(name) or any(map(str.isdigit, text[run.end : run.end + 1])):
        return None
    before, after = text[max(0, run.start - _CUE_WITHIN) : run.start], text[run.end : run.end + _CUE_WITHIN]
    acronym = name.isupper() and len(name) < 5
    if before.endswith(" ") and not acronym and _BEFORE_PLACE.search(before):
        return "LOCATION"
    if name.isupper() and (name.isascii() or text.isupper()):
        return None
    first = run.words[0].casefold()
    # IFN-γ is none.
    foreign = any(word[0].isupper() and not word.isascii() and word[-2] != "-" for word in run.words if len(word) > 2)
    initial = len(run.words) in (2, 3, 4) and any(len(word) == 1 for word in run.words[1:-1])
    if first in GIVEN_NAMES or initial or foreign:
        return "PERSON"
    if before.endswith((" ", "\n")) and (named or len(run.words) < 4) and _BEFORE_PERSON.search(before):
        return "PERSON"
    if _AFTER_PERSON.match(after) and len(run.words) < 4:
        return "PERSON"
    return None


def _cued(text: str) -> Iterator[Finding]:
    """Names after a cue that is clear enough for small letters."""
    for kind, cue, score in (("PERSON", _CLEARLY_BEFORE_PERSON, 0.8), ("LOCATION", _CLEARLY_BEFORE_PLACE, 0.7)):
        for match in cue.finditer(text):
            name = _NAME_IN_ANY_CASE.match(text, match.end())
            if not name:
                continue
            words = []
            for word in _NAME_WORD.finditer(text, *name.span()):
                plain = word[0].rstrip(".").casefold()
                if plain in NO_NAME or (plain in ORDINARY and word[0][0].islower()):
                    break
                # A place in small letters is known by its end: "lives in harburg."
                words.append(word)
            if not words or (kind == "LOCATION" and not _is_place_name(text, words)):
                continue
            if words[0][0].islower() and kind == "PERSON":
                words = words[: 1 if match[0].rstrip().endswith(("mr.", "ms.", "mrs.", "dr.")) else 3]
            end = words[-1].end()
            end -= text[:end].endswith(".") and len(words[-1][0]) > 2
            yield Finding(kind, words[0].start(), end, score)


def _is_place_name(text: str, words: Sequence[re.Match[str]]) -> bool:
    if words[0][0][0].isupper():
        return True
    return len(words) <= 3 and (words[-1].end() == len(text) or text[words[-1].end()] in ".,;!?\n")


def _gazetteer(text: str) -> Iterator[Finding]:
    """Countries and big cities, in any case."""
    words = [(match.start(), match.end()) for match in _PLACE_WORD.finditer(text)]
    for at, (start, _) in enumerate(words):
        for count in (4, 3, 2, 1):
            if at + count > len(words):
                continue
            end = words[at + count - 1][1]
            if end - start > _LONGEST_PLACE:
                continue
            name = " ".join(text[start:end].split())
            folded = name.casefold()
            if folded in COUNTRIES or folded in CITIES or (name[0].isupper() and folded in AMBIGUOUS and len(name) > 3):
                yield Finding("LOCATION", start, end, 0.7)
                break


def _given(text: str) -> Iterator[Finding]:
    """First names in small letters."""
    for match in _SMALL_WORD.finditer(text):
        if match[0] in GIVEN_NAMES and match[0] not in ALSO_WORDS:
            yield Finding("PERSON", *match.span(), 0.5)


def _coordinated(text: str, runs: Sequence[_Run], known: Sequence[Finding]) -> Iterator[Finding]:
    """Runs that stand in one enumeration with a person or a place: A, B and C."""
    kinds = {f.start: f.kind for f in known if f.kind != "STREET_ADDRESS"}
    ends = {f.end: f.kind for f in known if f.kind != "STREET_ADDRESS"}
    for order in (runs, runs[::-1]):
        for run in order:
            if (
                run.start in kinds
                or run.end in ends
                or len(run.words) > 3
                or _ORGANISATION.search(text, run.start, run.end)
            ):
                continue
            joined = _JOINS_BEFORE.search(text, max(0, run.start - 8), run.start)
            kind = ends.get(joined.start()) if joined else None
            follows = _JOINS_AFTER.match(text, run.end)
            kind = kind or (kinds.get(follows.end()) if follows else None)
            if kind:
                kinds[run.start] = ends[run.end] = kind
                yield Finding(kind, run.start, run.end, 0.5)


def _visiting_card(text: str, known: Sequence[Finding]) -> Iterator[Finding]:
    """Who stands in the lines before an address, a phone number or a mail address, in a line of his own."""
    if not _CARD_LINES.match(text):
        return
    below = [f.start for f in known if f.kind == "STREET_ADDRESS"]
    below += [match.start() for match in _CARD_ITEM.finditer(text)]
    if not below:
        return
    lines = list(_LINE_OF_NAME.finditer(text, 0, min(min(below), _CARD_CHARS)))
    for line in lines[:1]:
        words = line["name"].split()
        if not any(word.casefold().strip(".,") in ORDINARY for word in words) and not _ORGANISATION.search(
            line["name"]
        ):
            yield Finding("PERSON", *line.span("name"), 0.6)


def _again(text: str, known: Sequence[Finding]) -> Iterator[Finding]:
    """Where a person that is found once, or one of the person's names, stands again."""
    names: dict[str, None] = {}
    for finding in known:
        if finding.kind == "PERSON":
            name = text[finding.start : finding.end]
            parts = [word for word in _WORD.findall(name) if len(word) > 2 and word.casefold() not in ORDINARY]
            if name.isascii() or _WORD.search(name):
                names |= dict.fromkeys(part for part in parts if part[0].isupper() or len(parts) > 1)
    if not names:
        return
    for match in _WORD.finditer(text):
        word = match[0][:-2] if match[0].endswith(("'s", "’s")) else match[0]
        if word in names:
            yield Finding("PERSON", match.start(), match.start() + len(word), 0.6)


def _overlaps(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    at = bisect_left(spans, (end, end))
    return any(a < end and start < b for a, b in spans[max(0, at - _NEAR) : at])


def _merged(text: str, found: Sequence[Finding]) -> list[Finding]:
    """In order, without overlaps. What overlaps becomes one: an address rather than a person, a person rather than a
    place; parts of one name that only a space parts become one, too."""
    merged: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start, -f.end)):
        last = merged[-1] if merged else None
        if finding.start >= finding.end:
            continue
        if last and finding.start < last.end:
            kind = min(last.kind, finding.kind, key=_PRIORITIES.__getitem__)
        elif (
            last
            and last.kind == finding.kind
            and text[last.end : finding.start] in (" ", ", ", "\n", "・")
            and (finding.kind == "STREET_ADDRESS" or text[last.end : finding.start] in (" ", "・"))
        ):
            kind = last.kind
        else:
            merged.append(finding)
            continue
        merged[-1] = Finding(kind, last.start, max(last.end, finding.end), max(last.score, finding.score))
    return merged
