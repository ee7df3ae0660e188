"""Addresses: a street with its number, and what stands before and after it up to the country. Pure.

A core tells one: a word for a street (Road, rue, -straße, utca) beside a number, a number on both sides of capitalised
words, a P.O. box, "the corner of". From there the address goes on over flat, town, state and postal code, across line
breaks. Japanese ones go from the prefecture or the town to the number of the house.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from grounding.safety.lexicon import COUNTRIES

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŸŹŻŽȘȚΆΈ-ΏΑ-ΫА-ЯЁ∆"
_LETTER = r"[^\W\d_]"
_TAIL = rf"(?:{_LETTER}|[’'.\-∆]){{0,30}}"
_CAP = rf"[{_UPPER}]{_TAIL}"
_ANY = rf"{_LETTER}{_TAIL}"
_PARTICLE = r"(?:de|da|do|das|dos|du|des|del|della|di|la|le|les|el|of|the|van|von|den|der|y|e|i|l['’]|d['’]|u|nad)"
_NUMBER = r"\d{1,5}[A-Za-z]?(?:[/\-]\d{1,4}[A-Za-z]?)?"

_STREET = (
    r"(?:street|streets|str|st|road|rd|avenue|ave|av|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace"
    r"|terr|way|parkway|pkwy|highway|hwy|circle|crescent|cres|close|gardens|grove|row|walk|mews|hill|alley|trail|plaza"
    r"|quay|parade|turnpike|gateway|harbor|harbour|isle|coves?)"
)
_PLAIN_STREET = r"(?:street|road|avenue|boulevard|lane|terrace|parkway|rd|ave|blvd)"
"""Those that are rarely anything else, so that they tell an address in lower case, too."""
_STREET_BEFORE = (
    r"(?:rue|r[uú]a|via|viale|vicolo|strada|piazza|piazzale|piazzetta|corso|largo|calle|avenida|avenue|av|paseo|plaza|praça"
    r"|travessa|rambla|carrer|camino|carretera|ronda|ul|ulica|ulice|aleja|al|place|boulevard|chemin|impasse|allée|quai"
    r"|route|cours|λ|λεωφόρος|οδός|ул|улица|проспект|jalan|rruga|bulevardi|strasse|straße)\.?"
)
_STREET_END = (
    r"(?:stra(?:ß|ss)e|str\.|gasse|weg|allee|platz|damm|ufer|gata|gatan|gade|vej|veg|veien|vegen|vägen|väg|stien|stræde"
    r"|straat|laan|plein|gracht|dreef|kade|katu|polku|braut|stræti|straeti|vegur|utca|ulice|náměstí|terrasse|caddesi)"
)
_STREET_AFTER = (
    r"(?:utca|u|út|útja|tér|tere|körút|krt|köz|sor|ul|ulica|tn|tee|pst|mnt|iela|gatvė|g|sokak|sk|cad|[Ss]trasse|[Ss]traße"
    r"|vej|väg)\.?"
)
_NOT_BETWEEN = (
    r"(?!(?i:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul"
    r"|aug|sep|sept|oct|nov|dec|days?|hours?|weeks?|months?|years?|minutes?|version|volume|vol|chapter|section|part|table"
    r"|figure|fig|step|article|page|level|type|grade|class|phase|no|am|pm|and|or|to|of|in|x|kg|km|mg)\b)"
)

_FIRST_NUMBER = (
    r"(?:(?!(?:19|20)\d\d\b)\d{4,6}|0\d{1,5}"
    r"|(?:(?<=(?:at|on|to|is|in)[ ])|(?<=[\n>:])|(?<=[>:?,][ ])|\A)\d{1,3})"
)
"""Of a house, before a street that no word tells: no year, and a short one only where an address may begin."""
_SHIP = r"(?:(?:USNS|USS|USCGC|USNV|USAV)[ ]\w{2,20}[ ,\n]{1,3})?"
_I, _C = re.IGNORECASE, re.NOFLAG
_FORMS: tuple[tuple[re.RegexFlag, str], ...] = (
    # 90 Whitchurch Road; 3911 fourth avenue
    (
        _I,
        (
            rf"(?:\d{{2,6}}[ ])?{_NUMBER},?[ ]{_NOT_BETWEEN}(?!(?:the|a|on|by|per|for|is|at|mile|people|car)s?\b)"
            rf"(?:{_ANY}[ ]){{0,2}}{_ANY}[ ]{_PLAIN_STREET}\b\.?"
        ),
    ),
    # 1600 Pennsylvania Avenue NW; 120 W 42nd St
    (
        _C,
        (
            rf"(?:\d{{2,6}}[ ])?{_NUMBER},?[ ](?:[NSEW]\.?[ ])?"
            rf"(?:(?:{_CAP}|\d{{1,3}}(?:st|nd|rd|th)|{_PARTICLE})[ ]){{1,4}}(?i:{_STREET})\b\.?"
            r"(?:[ ](?:NW|NE|SW|SE|N|S|E|W)\b)?"
        ),
    ),
    (_C, rf"(?:{_CAP}[ ]){{1,3}}(?:Street|Road|Avenue|Boulevard|Lane|Terrace)\b"),
    # 36 rue de pologne; Via Roma 131
    (
        _I,
        (
            rf"(?:\d{{2,6}}[ ])?{_NUMBER},?[ ]{_STREET_BEFORE}[ ](?:{_PARTICLE}[ ]?){{0,2}}{_ANY}"
            rf"(?:[ ](?-i:{_CAP}|{_PARTICLE}\b)){{0,4}}(?:[ ]{_NUMBER})?"
        ),
    ),
    (_C, rf"(?:\d{{1,6}}[ ])?(?i:{_STREET_BEFORE})[ ](?:(?:{_PARTICLE}[ ]?){{0,2}}{_CAP}[ ]){{1,5}}{_NUMBER}"),
    # Magasinsgatan 7; Kálmán Imre u. 12; Árpád fejedelem útja 3; Hoge Wei 32 St.
    (_C, rf"(?:\d{{1,6}}[ ])?(?:{_CAP}[ ]){{0,3}}[{_UPPER}]{_LETTER}{{2,30}}{_STREET_END}[ ]?{_NUMBER}"),
    (_C, rf"(?:\d{{1,6}}[ ])?(?:(?:{_CAP}|and)[ ]){{1,4}}{_STREET_AFTER}[ ]{_NUMBER}\.?"),
    (_C, rf"{_CAP}[ ]{_ANY}[ ](?:utca|útja|tere|körút|ulica|gatvė|caddesi)[ ]{_NUMBER}\.?"),
    (_C, rf"(?:{_CAP}[ ]){{1,4}}{_NUMBER},?[ ](?:St\.|[Ss]treet\b)"),
    # 86036 Allika 46: a number on both sides
    (
        _C,
        (
            rf"{_FIRST_NUMBER}[ ]{_NOT_BETWEEN}(?:(?:{_CAP}|{_PARTICLE})[ ]){{0,4}}{_NOT_BETWEEN}(?=\w{{3}}){_CAP}"
            r"[ ]\d{1,4}[a-d]?"
        ),
    ),
    (_I, rf"\d{{2,6}}[ ]{_NOT_BETWEEN}(?:{_ANY}[ ]){{1,4}}\d{{1,4}}(?=,?[ \n]{{1,3}}(?:suite|apt\.?)[ ]\d)"),
    (_I, r"(?:\d{2,6}[ ])?(?:P\.?[ ]?O\.?[ ]?Box|post[ ]?box|postboks|postbus|postfach|apartado)[ ]\d{1,6}"),
    (_I, rf"{_SHIP}(?:PSC|Unit|CMR)[ ]\d{{1,5}},?[ ]Box[ ]\d{{1,5}}"),
    (_I, rf"{_SHIP}(?:APO|FPO|DPO),?[ ](?:AA|AE|AP)[ ]\d{{5}}"),
    (
        _I,
        (
            rf"the[ ]corner[ ]of[ ](?:(?:{_ANY}|\d{{1,5}})[ ]){{1,5}}(?:and|&)[ ](?:\d{{1,5}}[ ])?{_ANY}"
            rf"(?:[ ](?-i:{_CAP})){{0,2}}"
        ),
    ),
    (_C, r"(?:Suite|Apt\.?|Apartment|Flat)[ ]#?\d{1,5}[A-Za-z]?"),
    # 10115 Berlin, in a line or between commas of its own
    (_C, rf"(?<=[,\n][ ])\d{{4,5}}[ ]{_CAP}(?:[ ]{_CAP})?(?=[ ]?(?:[,.\n]|$))"),
)
_CORES = tuple(re.compile(rf"(?<![\w.,$€£\-/])(?:{core})(?!\w)", flags) for flags, core in _FORMS)
_CUE = re.compile(
    r"(?:\baddress(?:es)?(?:[ ](?:is|to|with))?|\blives?[ ](?:at|on)|\blived[ ](?:at|in)"
    r"|\blocated[ ](?:at|on|in)|\bdeliver(?:ed|y)?[ ]to|\bship(?:ped)?[ ]to|\bsent?[ ]to|\barrived[ ]at|\btaxi[ ]to"
    r"|\bmeet[ ](?:me|you|us|him|her)?[ ]?at|\bis[ ]at"
    r"|\bnorth[ ]side[ ]of|\bsouth[ ]side[ ]of|\bstreet:|\bhome:)[: ]{1,8}\n?",
    re.IGNORECASE,
)
_AFTER_CUE = re.compile(
    rf"(?:\d{{1,6}}[ ]{_NOT_BETWEEN})?(?:(?:{_CAP}|{_PARTICLE})[ ]){{0,5}}{_CAP}[ ](?!(?:19|20)\d\d\b){_NUMBER}(?!\w)"
    rf"|\d{{1,6}}[ ]{_NOT_BETWEEN}(?:(?:{_CAP}|{_PARTICLE})[ ]){{0,4}}{_CAP}(?!\w)"
)

_GAP = r"(?:[ \t]{0,3}(?:,|\.(?=[ ]?\n)|\n[ \t>?]{0,8})){0,4}[ \t]{0,3}"
_TOWN = rf"{_CAP}(?:[ ](?:{_PARTICLE}[ ]){{0,2}}(?:{_CAP}|\d{{1,2}}(?!\d))){{0,3}}"
_CODE = (
    r"(?:\d{3}[ ]\d{2}|\d{3,6}(?:-\d{3,4})?|[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}|[A-Z]\d[A-Z][ ]\d[A-Z]\d)(?![\w])(?!-\d)"
)
_COUNTRY = rf"(?:{'|'.join(sorted(map(re.escape, COUNTRIES), key=len, reverse=True))})(?!\w)"
_UNIT = r"(?:Suite|Ste|Apt|Apartment|Unit|Flat|Room|Floor|Bldg|Building|#)\.?[ ]?#?\d{1,5}[A-Za-z]?(?!\w)"
_ENDS = r"(?=[ ]?\.?[ ]{0,3}(?:\n|$)|[ ]?[,.])"
_PARTS = (
    re.compile(rf"{_GAP}{_UNIT}(?:,?[ ]{{1,2}}(?:{_ANY}[ ,]{{1,2}}){{0,4}}?{_COUNTRY})?", re.IGNORECASE),
    re.compile(rf"{_GAP}(?:{_STREET}s?|street)\b\.?", re.IGNORECASE),
    re.compile(rf"{_GAP}{_COUNTRY}(?:[ ]\([A-Za-z]{{2,12}}\))?", re.IGNORECASE),
    re.compile(rf"{_GAP}[A-Z]{{1,3}}(?![\w’'])(?={_GAP}(?:\d{{3,6}}|(?i:{_COUNTRY})))"),
    re.compile(rf"{_GAP}(?:[A-Z]-)?\d{{4,5}}[ ]{_CAP}(?:[ ]{_CAP})?{_ENDS}"),
    re.compile(rf"{_GAP}{_CODE}(?![ ]?(?:office|fax|mobile))"),
    re.compile(rf"[ \t]{{0,3}}(?:,[ ]?|\n[ \t>?]{{0,8}}){_TOWN}(?:{_ENDS}|(?={_GAP}[A-Z]{{1,2}}\d))"),
    re.compile(
        rf"[ \t]{{0,3}}(?:,[ ]?|(?:\n[ \t>?]{{0,8}}){{1,2}}){_TOWN}"
        rf"(?={_GAP}(?:[A-Z]{{1,3}}\b|\d{{3}}|(?i:{_COUNTRY})))"
    ),
    re.compile(rf"[ ]{_TOWN}(?={_GAP}(?:[A-Z]{{2,3}}[ ]\d{{3,6}}|\d{{4,6}}|{_UNIT})(?!\w))"),
    re.compile(rf"(?<=\d)[ ]{_TOWN}(?:[ ][A-Z]{{2,3}}\b)?{_ENDS}"),
)  # fmt: skip
_MOST_PARTS = 10
_LONGEST = 250

_HAS_DIGIT = re.compile(r"\d")


def addresses_in(text: str) -> Iterator[tuple[int, int]]:
    """Spans of addresses as the West writes them; they may overlap."""
    if not _HAS_DIGIT.search(text) and "orner of" not in text and "treet" not in text and "oad" not in text:
        return
    for core in _CORES:
        for match in core.finditer(text):
            yield _trimmed(text, match.start(), _end(text, match.end()))
    for cue in _CUE.finditer(text):
        street = _AFTER_CUE.match(text, cue.end())
        if street:
            yield _trimmed(text, street.start(), _end(text, street.end()))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    return start, start + len(text[start:end].rstrip(" .,\n\t>?"))


def _end(text: str, at: int) -> int:
    """Where an address ends whose street ends at `at`."""
    for _ in range(_MOST_PARTS):
        following = next((match for part in _PARTS if (match := part.match(text, at, at + _LONGEST))), None)
        if following is None:
            break
        at = following.end()
    return at


_KANJI = "一-鿿々〆ヶケ"
_IN_TOWNS = "ぁ-つとどなぬ-のひ-みむめや-ろん"
"""Hiragana without those that are mostly particles between words: て で に は も を."""
_BLOCK = (
    r"(?:[東西南北]?\d{1,3}条[東西南北]?)?\d{1,4}(?:丁目|番地?|号|[-の]){1,2}(?:\d{1,4}(?:番地?|号|[-の]){0,2}){0,3}"
    r"\d{0,4}"
)
_ROOM = r"(?:[ ]?[ァ-ヶーA-Za-z一-鿿の・]{2,20}[ ]?\d{0,4}(?:号室|号棟|号|F|階)|[ ]?\d{2,4}号室)?"
_JAPANESE = (
    re.compile(
        rf"(?:〒?\d{{3}}-?\d{{4}}[ ]{{0,2}})?(?:北海道|東京都|(?:大阪|京都)府|[{_KANJI}]{{2,3}}県)[ ]?"
        rf"[{_KANJI}ぁ-んァ-ンー]{{1,30}}?[ ]?{_BLOCK}{_ROOM}"
    ),
    re.compile(rf"[{_KANJI}]{{1,6}}[市区町村郡](?!区?町村)[{_KANJI}{_IN_TOWNS}ァ-ンー]{{1,16}}?{_BLOCK}{_ROOM}"),
)


def japanese_addresses_in(narrow: str) -> Iterator[tuple[int, int]]:
    """Spans of Japanese addresses in a text whose wide forms were made narrow."""
    for pattern in _JAPANESE:
        for match in pattern.finditer(narrow):
            yield match.span()
