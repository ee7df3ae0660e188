"""Words that hostility is made of, and the forms that it takes, the same in every language. Pure.

A language lists its words by what they do: name people, scorn them, wish them harm. A sentence becomes one letter for
each of its words, and the forms are short regular expressions over these letters, so they are written once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

OTHER = "w"
"""The letter of a word that no list has."""
QUOTE = "q"
_QUOTES = frozenset('"“”„«»「」『』')
_ANY = "_"
_LONGEST_STEM = 14
_ENDINGS = ("", "o", "a", "os", "as", "e", "es", "er", "en", "s")
"""What follows a stem in words that are looked for in their masked forms, too."""


@dataclass(frozen=True)
class Words:
    """The words of one language by what they do: separated by commas, a phrase by spaces; `stem*` stands for all that
    begin so, `_` for any one word."""

    language: str
    groups: str
    """People for what they are."""
    kinds: str
    """Adjectives that name people only before one of `people`, or before what stands in `vermin` or `insults`."""
    people: str
    slurs: str
    """Names for them that are insults by themselves."""
    insults: str
    """Nouns, harmless until someone is called so."""
    profane: str
    vermin: str
    """What people are not, where it stands beside their name."""
    vile: str
    """The same, but only where people are said to be it: a disease."""
    scorn: str
    """Adjectives."""
    hates: str
    """Before those who are hated."""
    sickens: str
    """After, or right before, those who are."""
    excludes: str
    """Denies people a place, a right, their worth. It may hold a negation."""
    harm: str
    wishes: str
    """Makes of harm a demand or a threat."""
    copulas: str
    fillers: str
    """Articles and intensifiers: they hold what stands around them together."""
    you: str
    they: str
    denies: str
    harmless: str
    """Phrases that hold words of the other lists and do not mean them."""
    says: str
    """Somebody else's words follow, or words are spoken of."""
    condemns: str
    ours: str
    """The speaker's own people."""
    abuse: str
    """Offends whoever reads it."""
    dismissals: str
    """Offends at the start of a sentence and after "you"; elsewhere it is a way to speak of leaving."""
    threats: str
    owns: str = ""
    """Follows whoever owns what comes next."""
    out: str = ""
    """Shown the door: at the start of a sentence or after those who are."""
    typical: str = ""
    """What slurs that mean something else, too, are known by, when it stands before them."""
    ambiguous: str = ""
    """Slurs that mean something else, too."""
    nouns_first: bool = False
    """Adjectives follow their nouns: one of `kinds` after an article names people, whatever follows."""
    negates_after: bool = False
    """A negation may follow what it negates."""
    spaced: bool = True
    """Words are written apart. If not, every character is one, and gaps are counted in characters; "^" and "。" stand
    for the edges of a sentence."""
    variants: str = ""
    """Pairs of characters: how one is written, and how it is listed."""


_LETTERS = {
    "groups": "G",
    "kinds": "g",
    "people": "p",
    "slurs": "S",
    "ambiguous": "A",
    "insults": "s",
    "profane": "P",
    "vermin": "v",
    "vile": "V",
    "scorn": "D",
    "hates": "E",
    "sickens": "M",
    "excludes": "X",
    "harm": "H",
    "wishes": "W",
    "copulas": "I",
    "fillers": "a",
    "you": "Y",
    "they": "T",
    "denies": "N",
    "harmless": OTHER,
    "says": "R",
    "condemns": "C",
    "ours": "O",
    "abuse": "F",
    "dismissals": "f",
    "threats": "K",
    "owns": "z",
    "out": "o",
    "typical": "t",
}
_OF_A_KIND = re.compile("g{1,3}p|pg|g(?=a?[vsSAP])|(?:^|(?<=[atEPDHIo]))g(?![wgpG])")
_AFTER_AN_ARTICLE = re.compile("(?:^|(?<=[atEPDHIoW]))g")
_HOSTILE = "SAsPvVDEMXHFKfo"


@dataclass(frozen=True, slots=True)
class Form:
    """A form that hostility takes: what it is, how sure, and how the letters of a sentence show it."""

    kind: str
    score: float
    pattern: re.Pattern[str]


@dataclass(slots=True)
class _Node:
    """Where some words lead: to longer phrases, and to a letter if they are one."""

    letter: str = ""
    following: dict[str, _Node] = field(default_factory=dict)


class Lexicon:
    """The words of a language, ready to be looked up. A word in two lists belongs to the one named first in `Words`."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.forms = _SPACED if words.spaced else _VERB_LAST if words.negates_after else _UNSPACED
        self._root = _Node()
        self._stems: dict[str, str] = {}
        self._variants = {pair[0]: pair[1] for pair in words.variants.split()}
        self._listed = dict[tuple[str, ...], str]()
        for name, letter in _LETTERS.items():
            for entry in str(getattr(words, name)).split(","):
                phrase = tuple(entry.split()) if words.spaced else tuple(entry.strip())
                if phrase and phrase[-1].endswith("*"):
                    self._stems.setdefault(phrase[0][:-1], letter)
                elif phrase and phrase not in self._listed:
                    self._listed[phrase] = letter
                    self._add(phrase, letter)
        self._begins = frozenset(phrase[0] for phrase, letter in self._listed.items() if letter in _HOSTILE)

    def _add(self, phrase: tuple[str, ...], letter: str) -> None:
        node = self._root
        for word in phrase:
            node = node.following.setdefault(word, _Node())
        node.letter = letter

    def marked(self) -> frozenset[str]:
        """Words that name people or what is hostile to them, by themselves."""
        hostile = [stem for stem, letter in self._stems.items() if letter in _HOSTILE]
        inflected = frozenset(stem + ending for stem in hostile for ending in _ENDINGS)
        return inflected | frozenset(word for word in self._of(_HOSTILE + "Ggp", alone=True) if len(word) > 2)

    def parts(self) -> frozenset[str]:
        """Words of hostile phrases, the shortest left out."""
        return frozenset(word for word in self._of(_HOSTILE, alone=False) if len(word) > 3)

    def plain(self) -> frozenset[str]:
        """All words of the lists, of phrases too."""
        return self._of("".join(_LETTERS.values()), alone=False)

    def _of(self, letters: str, *, alone: bool) -> frozenset[str]:
        listed = (phrase for phrase, letter in self._listed.items() if letter in letters)
        return frozenset(word for phrase in listed if not alone or len(phrase) == 1 for word in phrase if word != _ANY)

    def function_words(self) -> frozenset[str]:
        """Words of two letters or more by which a sentence of this language is told from others."""
        return frozenset(word for word in self._of("aIYTN", alone=True) if len(word) > 1)

    def concerned(self, tokens: Sequence[str]) -> bool:
        """Whether any of these words could begin something hostile."""
        if not self._begins.isdisjoint(self._as_listed(tokens)):
            return True
        return bool(self._stems) and any(self._stem(token) in _HOSTILE for token in tokens)

    def letters(self, tokens: Sequence[str]) -> str:
        """A letter for each word or phrase of a sentence; people of a kind get one."""
        tokens = self._as_listed(tokens)
        found: list[str] = []
        at = 0
        while at < len(tokens):
            letter, length = self._longest(tokens, at)
            found.append(letter or (QUOTE if tokens[at] in _QUOTES else self._stem(tokens[at])))
            at += max(length, 1)
        letters = _OF_A_KIND.sub("G", "".join(found))
        if self.words.nouns_first:
            letters = _AFTER_AN_ARTICLE.sub("G", letters)
        return letters.replace("g", OTHER).replace("p", OTHER)

    def _as_listed(self, tokens: Sequence[str]) -> Sequence[str]:
        return [self._variants.get(token, token) for token in tokens] if self._variants else tokens

    def _longest(self, tokens: Sequence[str], at: int) -> tuple[str, int]:
        """The letter of the longest phrase that begins here, and its length in words."""
        nodes, best = [self._root], ("", 0)
        for position in range(at, len(tokens)):
            nodes = [
                following
                for node in nodes
                for word in (tokens[position], _ANY)
                if (following := node.following.get(word))
            ]
            if not nodes:
                break
            for node in nodes:
                if node.letter:
                    best = (node.letter, position + 1 - at)
        return best

    def _stem(self, token: str) -> str:
        for length in range(min(len(token), _LONGEST_STEM), 3, -1):
            if letter := self._stems.get(token[:length]):
                return letter
        return OTHER


def _forms(*, scale: int) -> tuple[Form, ...]:
    def form(kind: str, score: float, pattern: str) -> Form:
        """`{n}` stands for at most n words of any kind, quotes excepted."""
        return Form(kind, score, re.compile(re.sub(r"\{(\d)\}", lambda m: f"[^q]{{0,{int(m[1]) * scale}}}?", pattern)))

    return (
        form("threat", 0.95, "K"),
        form("abuse", 0.85, "F|^[aw]?f|Y[IaW]{0,2}f"),
        form("hate", 0.9, "E{6}G"),
        form("hate", 0.9, "G(?!zw){8}M|Ma?G"),
        form("hate", 0.9, "(?:G(?!zw){6}I|Ia?G)[aItP]{0,6}[VvDsSA]"),
        form("hate", 0.9, "Ga{0,2}v"),
        form("hate", 0.9, "G(?!zw){8}[PsFf]"),
        form("hate", 0.9, "[DPs][atPT]{0,4}G|[vD]I?[at]{1,3}G|[sPA]Ia{0,2}G"),
        form("hate", 0.9, "G{7}X"),
        form("hate", 0.8, "X{8}G|^[aw]{0,2}oa{0,2}[GA]|[GA]a?o$"),
        form("violence", 0.95, "W{6}H{6}G|G{5}W{6}H|W{4}G{5}H|H{4}W{3}G|^[aw]?H[aTtI]{0,3}G"),
        form("slur", 0.9, "S|[tX][aDPw]?A|[DPYEH]a?A|Ia{1,2}A|AwY|^Aa"),
        form("abuse", 0.8, "Y(?:I[aItw]?)?[atDP]{0,6}[sSA]|Y(?:Ia{0,3})?[DP]{1,3}[vV]|YI[at]{1,4}v|[sSA]aY"),
    )


_SPACED = _forms(scale=1)
_UNSPACED = _forms(scale=2)
_VERB_LAST = (
    *_UNSPACED,
    Form("hate", 0.9, re.compile("Ga{0,2}E|[GA][^q]{0,16}?[MXs]")),
    Form("violence", 0.95, re.compile("[GAY][^q]{0,14}?H|H[^q]{0,8}?G")),
    Form("abuse", 0.8, re.compile("Y[^q]{0,10}?[VsMXESA]")),
)
