"""Two texts -> what the one denies that the other says: negation, opposites, order and quantity words. Pure.

Words, not grammar: a negation reaches over the next words of its clause, opposites are a list, and who does what to
whom is the order of names around a verb. English and Japanese; in other languages nothing is found.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from grounding import analysis
from grounding.folding import visible
from grounding.stopwords import STOP_WORDS

_REACH = 4
"""Content words that a negation reaches over."""
_FOCUS = 3
"""Of these, those that it may be about: the first that the other text has as well."""
_NEGATIONS = frozenset(
    "not no never without none nobody nothing cannot neither nor hardly unable false untrue lacks lack fails failed "
    "refused refuses refuse nowhere".split()
)
_BREAKS = frozenset(
    ", ; : . ( ) ? ! but however although though unless except because if when while whereas until since".split()
)
_OPPOSITES = """
increase increased increases increasing rise rises rose risen grow grew grows growth gained | decrease decreased
    decreases decreasing fall falls fell fallen decline declined declines drop dropped drops reduce reduced reduces
    shrink shrank
allowed allow allows permitted permit permits permissible | forbidden forbid forbids prohibited prohibit prohibits
    banned ban disallowed
before prior | after
more greater | less fewer
higher above | lower below beneath
larger bigger | smaller
longer | shorter
older elder | younger newer
faster quicker | slower
heavier | lighter
earlier | later
better best | worse worst
stronger | weaker
warmer hotter | colder cooler
largest biggest | smallest
highest tallest | lowest
longest | shortest
oldest | youngest newest
maximum most | minimum least
opened opens opening | closed closes closing
accepted accept accepts approved approve approves | rejected reject rejects denied deny denies declined
include includes included including | exclude excludes excluded excluding
required mandatory compulsory obligatory | optional voluntary
enable enables enabled | disable disables disabled
start starts started begin begins began beginning | end ends ended finish finishes finished stop stops stopped
won win wins winning winner | lost lose loses losing loser
passed | failed
true | false
success successful succeeded | failure unsuccessful
north northern | south southern
east eastern | west western
left | right
male man men | female woman women
always | never
inside internal internally | outside external externally
public | private
import imports imported | export exports exported
bought buy buys purchased | sold sell sells
free | paid
valid | invalid expired
safe | unsafe dangerous harmful
cause causes caused | prevent prevents prevented
arrive arrives arrived arrival | depart departs departed departure
lend lends lent | borrow borrows borrowed
husband | wife
father | mother
son | daughter
brother | sister
positive | negative
early | late
upper | lower
first | last
encrypted | unencrypted
online | offline
full-time | part-time
innocent acquitted | guilty convicted
alive | dead
"""
_EXCLUSIVE = (
    "monday tuesday wednesday thursday friday saturday sunday",
    "daily weekly monthly quarterly yearly",
    "spring summer autumn winter",
    "primary secondary tertiary",
    "red blue green yellow black white orange purple",
)
_AUXILIARIES = frozenset("was were is are has had been have be".split())
_LONGEST_NAME = 5
_ALL = frozenset("all every each everyone everybody always entire entirely any".split())
_SOME = frozenset(
    "some most many several few often sometimes usually mostly partly partially half occasionally".split()
)
_ONLY = frozenset("only solely exclusively sole just alone".split())

_TOKEN = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)?(?:['’][a-z]{1,2})?|[,;:.()?!]")
_BOUNDED = re.compile(r" than\b| exceed| be (?:over|above)\b", re.IGNORECASE)
_NOT = r"\b(?:not|never|cannot|no|\w{2,8}n['’]t)"
_AT_MOST = re.compile(
    rf"{_NOT}((?: \w{{1,20}}){{0,6}}?) (?:more|longer|later|greater|higher|larger|older) than\b|"
    rf"{_NOT}((?: \w{{1,20}}){{0,3}}?) (?:exceed|be over|be above)(?:ing|s)?\b",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(
    rf"{_NOT}((?: \w{{1,20}}){{0,6}}?) (?:less|fewer|earlier|lower|shorter|smaller|younger) than\b", re.IGNORECASE
)
_AT_MOST_JAPANESE = re.compile(r"(?:以上|を超え|を上回)(?!る場合)([^。、\n]{0,14}?)(?:ません|ない|不可|禁止)")
_CLAUSES = re.compile(
    r"[;。、]|[.!?:](?=\s)|,\s(?=(?:and|or|nor|yet|so)\b)|,?\s\b(?:but|while|whereas|although|though|however|unless|except)\b|"
    r"(?<=ます|です)が|(?<=ない)が"
)
_NEITHER = re.compile(
    r"\bnot (?:only|just|merely|least)\b|\bno (?:matter|doubt|one but)\b|\bno\. ?(?=\d)", re.IGNORECASE
)

_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_MUST = re.compile("(?:なければ|なくては|ないと|ねば)(?:な(?:らない|りません)|いけ(?:ない|ません))|なければ")
_NO_NEGATION = re.compile(
    "だけで(?:は)?なく|のみなら?ず|かもしれ(?:ない|ません)|に(?:すぎ|過ぎ)(?:ない|ません)|(?:間違い|違い)(?:ない|ありません)|少なくと?も?|"
    "少なくない|だけでない|やむを得ない|ほかならない|しか(?=[^。、]{0,20}(?:ない|ません))|必ず|まず|せず(?=に?は)"
)
_JAPANESE_NEGATION = re.compile(
    "([\u4e00-\u9fff\u30a1-\u30fa\u30fc]{1,12})[\u3040-\u309f]{0,12}?"
    "(?:ません|ない(?!し)|なかった|なく(?:な|て)|ずに|ず[、。]|ぬ[。、]|てはいけ|べきでは)|"
    "([\u4e00-\u9fff\u30a1-\u30fa\u30fc]{1,12})(?:が|は|を|も)?(?:不可(?!欠)|無し|なし)"
)
_JAPANESE_RUN = re.compile("[\u4e00-\u9fff\u30a1-\u30fa\u30fc]{1,12}")
_JAPANESE_OPPOSITES = tuple(
    tuple(pole.split() for pole in line.split("|"))
    for line in """
必要 必須 義務|不要 任意
可能|不可能
許可 認め|禁止
増加 増え 増や 上昇 増額 増大 拡大|減少 減り 減っ 減ら 低下 下落 減額 縮小
以上|以下 未満
以前 前に 前まで|以後 以降 後に
最大 上限|最小 最低 下限
最高|最低 最悪
有料|無料
有効|無効
成功|失敗
開始 始ま|終了 終わ
賛成|反対
早い 早く|遅い 遅く
高い 高く|低い 低く 安い
多い 多く|少ない 少なく
大きい 大きく|小さい 小さく
長い 長く|短い 短く
含む 含み 含め|除く 除き
国内|国外 海外
公開|非公開
平日|休日
午前|午後
男性|女性
受理 承認|却下 否認
合格|不合格
社内|社外
正社員|契約社員 派遣社員
入社 入学|退社 退職 卒業
輸入|輸出
購入|売却 販売
東側 東部|西側 西部
北側 北部|南側 南部
父|母
兄 弟|姉 妹
""".strip().splitlines()
)
_JAPANESE_EXCLUSIVE = (
    "月曜 火曜 水曜 木曜 金曜 土曜 日曜",
    "毎日 毎週 毎月 毎年",
    "春 夏 秋 冬",
    "東京 大阪 京都 名古屋 福岡 札幌 横浜 神戸 仙台 広島",
)
_JAPANESE_ALL = re.compile("すべて|全て|全員|全部|全社員|必ず|常に|いつも|誰でも|いずれも")
_JAPANESE_SOME = re.compile("一部|多く|ほとんど|大半|たいてい|通常|時々|場合がある|こともあ")
_JAPANESE_ONLY = re.compile("のみ|だけ(?!でな)|しか[^。、]{0,20}(?:ない|ません)|に限")
_DOES = re.compile(
    "([\u4e00-\u9fff\u30a1-\u30fa\u30fcA-Za-z]{2,16})(?:が|は)[^。、]{0,16}?([\u4e00-\u9fff\u30a1-\u30fa\u30fcA-Za-z]{2,16})(?:を|に)"
)
_THAN = re.compile("([\u4e00-\u9fff\u30a1-\u30fa\u30fcA-Za-z0-9]{1,16})より")


@dataclass(frozen=True, slots=True)
class Stance:
    """What a text says with which sign: for each term the signs it is said with (True: denied), the terms of each
    negation nearest first, and what else is compared."""

    text: str = ""
    signs: dict[str, frozenset[bool]] = field(default_factory=dict)
    denied: tuple[tuple[str, ...], ...] = ()
    words: frozenset[str] = frozenset()
    than: tuple[frozenset[str], frozenset[str]] | None = None
    deeds: frozenset[tuple[str, frozenset[str], frozenset[str]]] = frozenset()
    japanese: bool = False


def plainly(text: str) -> str:
    """The text with "not more than" as "at most", so that it is read as a bound and not as a negation."""
    if _BOUNDED.search(text):
        text = _AT_LEAST.sub(r"\1 at least", _AT_MOST.sub(lambda m: f"{m[1] or m[2] or ''} at most", text))
    return text if text.isascii() else _AT_MOST_JAPANESE.sub(r"以下\1", text)


def clauses(text: str) -> list[str]:
    """The clauses of a text, each of which may say the opposite of the one before it."""
    return [clause for clause in _CLAUSES.split(text) if clause.strip()]


def stance(text: str) -> Stance:
    """How a text, made plain, says what it says."""
    text = visible(text)
    if _JAPANESE.search(text):
        return _japanese(text)
    tokens = _TOKEN.findall(_NEITHER.sub(" ", text))
    signs: dict[str, set[bool]] = {}
    denied: list[tuple[str, ...]] = []
    reach, focus = 0, list[str]()
    for token in tokens:
        word = token.lower().replace("’", "'")
        if word in _BREAKS:
            reach = 0
        if word in _NEGATIONS or word.endswith("n't"):
            reach, focus = _REACH, []
            denied.append(())
            if word not in ("failed", "false"):
                continue
        if (concept := _concepts().get(word)) is not None:
            name, flipped = concept
            signs.setdefault(name, set()).add(flipped != (reach > 0))
        if not word[0].isalpha() or word in _STOPS or word in _BREAKS:
            continue
        term = concept[0] if concept else _stem(word)
        if concept is None:
            signs.setdefault(term, set()).add(reach > 0)
        if reach:
            reach -= 1
            focus.append(term)
            denied[-1] = tuple(focus[:_FOCUS])
    return Stance(
        text,
        {term: frozenset(found) for term, found in signs.items()},
        tuple(filter(None, denied)),
        frozenset(token.lower() for token in tokens),
        _compared(tokens),
        frozenset(_deeds(tokens)),
    )


def contradictions(claim: Stance, source: Stance) -> tuple[str, ...]:
    """What of "negation", "direction", "order" and "quantity" a claim has against its source."""
    if claim.japanese != source.japanese:
        return ()
    found = list(_japanese_against(claim, source) if claim.japanese else _against(claim, source))
    return tuple(dict.fromkeys(found))


_STOPS = STOP_WORDS["en"] - _NEGATIONS


def _against(claim: Stance, source: Stance) -> Iterator[str]:
    swapped = _is_swapped(claim.than, source.than)
    turned = [name for name in claim.signs.keys() & source.signs.keys() if name[0] == "¬"]
    turned = [name for name in turned if not claim.signs[name] & source.signs[name]]
    if (swapped and not turned) or any(
        verb == other and _is_swapped((first, last), (before, after))
        for verb, first, last in claim.deeds
        for other, before, after in source.deeds
    ):
        yield "order"
    if turned and not swapped:
        yield "direction"
    if _denies(claim, source) or _denies(source, claim) or _undoes(claim, source) or _undoes(source, claim):
        yield "negation"
    for members in _exclusive():
        if (mine := claim.words & members) and not mine & source.words and source.words & members:
            yield "direction"
    yield from _quantities(claim.words, source.words)


def _quantities(claim: frozenset[str], source: frozenset[str]) -> Iterator[str]:
    if claim & _ALL and not source & _ALL and source & _SOME and not claim & _SOME:
        yield "quantity"
    if claim & (_ONLY - {"just", "alone"}) and not source & _ONLY:
        yield "quantity"
    if claim & _ALL and not source & _ALL and source & {"only"} and not claim & _ONLY:
        yield "quantity"


def _denies(one: Stance, other: Stance) -> bool:
    """Whether what a negation of the one is about is said without it in the other."""
    for focus in one.denied:
        term = next((term for term in focus if term in other.signs), None)
        if term and one.signs[term] == frozenset({True}) and other.signs[term] == frozenset({False}) and term[0] != "¬":
            return True
    return False


def _undoes(one: Stance, other: Stance) -> bool:
    """Whether a word of the one is a word of the other with un- before it."""
    for word in sorted(one.words - other.words):
        found = _UN.match(word)
        if found and (base := _stem(found[1])) in other.signs and base not in one.signs:
            return True not in other.signs[base] and one.signs.get(_stem(word)) == frozenset({False})
    return False


_UN = re.compile(
    r"(?:un(?!der|til|cle|it|ion|ique|iver)(?=[a-z]{4})|non-?(?=[a-z]{4})|in(?=active|complete|correct|accurate|eligible|adequate|"
    r"sufficient|appropriate|accessible|consistent|dependent|visible|secure)|im(?=possible|proper|mature|perfect)|ir(?=regular|relevant|"
    r"reversible)|dis(?=agree|approve|connect|continue|like|qualif|satisf|prove|respect))([a-z]{4,20})\Z"
)


def _is_swapped(
    claim: tuple[frozenset[str], frozenset[str]] | None, source: tuple[frozenset[str], frozenset[str]] | None
) -> bool:
    """Whether what stands before in the one stands after in the other, and the other way round."""
    if claim is None or source is None:
        return False
    return bool((claim[0] - claim[1]) & (source[1] - source[0]) and (claim[1] - claim[0]) & (source[0] - source[1]))


def _compared(tokens: list[str]) -> tuple[frozenset[str], frozenset[str]] | None:
    """The terms before and after "than"."""
    words = [token.lower() for token in tokens]
    if "than" not in words:
        return None
    at = words.index("than")
    behind = next((i for i in range(at, len(words)) if words[i] in ",;:."), len(words))
    left, right = (
        frozenset(_stem(word) for word in part if word[0].isalpha() and word not in _STOPS and word not in _concepts())
        for part in (words[max(0, at - 15) : at], words[at + 1 : behind])
    )
    return left, right


def _deeds(tokens: list[str]) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """(verb, name before, name after) for a word right between two names; with "by" the other way round."""
    for at in range(1, len(tokens) - 1):
        verb = tokens[at]
        if not verb.islower() or not verb[0].isalpha() or verb in _STOPS:
            continue
        behind = at + 1
        passive = tokens[behind] == "by"
        behind += passive
        while behind < len(tokens) and tokens[behind] in ("the", "a", "an"):
            behind += 1
        before = at
        while before > 0 and tokens[before - 1] in _AUXILIARIES:
            before -= 1
        first, last = frozenset(_name(reversed(tokens[:before]))), frozenset(_name(tokens[behind:]))
        if first and last:
            yield (_stem(verb), last, first) if passive else (_stem(verb), first, last)


def _name(tokens: Iterable[str]) -> Iterator[str]:
    """The words of a name, of which each is capitalised, as far as it goes."""
    for token in itertools.islice(tokens, _LONGEST_NAME):
        if not token[0].isupper():
            return
        yield token.lower()


@lru_cache(1)
def _concepts() -> dict[str, tuple[str, bool]]:
    """Word -> (the name of its pair of opposites, whether it is the second of it)."""
    found: dict[str, tuple[str, bool]] = {}
    lines = re.sub(r"\n +", " ", _OPPOSITES.strip()).splitlines()
    for line in lines:
        poles = line.split("|")
        name = f"¬{poles[0].split()[0]}"
        for flipped, pole in enumerate(poles):
            for word in pole.split():
                found.setdefault(word, (name, bool(flipped)))
    return found


@lru_cache(1)
def _exclusive() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(line.split()) for line in _EXCLUSIVE)


@lru_cache(16384)
def _stem(word: str) -> str:
    found = analysis.terms(word)
    return found[0] if found else word


def _japanese(text: str) -> Stance:
    text = _NO_NEGATION.sub("", _MUST.sub("必要", text))
    denied = [found[1] or found[2] for found in _JAPANESE_NEGATION.finditer(text)]
    positive = _JAPANESE_NEGATION.sub("", text)
    signs: dict[str, frozenset[bool]] = {}
    for run in _JAPANESE_RUN.findall(positive):
        signs[run] = frozenset({False})
    for run in denied:
        signs[run] = signs.get(run, frozenset()) | {True}
    return Stance(text, signs, tuple((run,) for run in denied), japanese=True)


def _japanese_against(claim: Stance, source: Stance) -> Iterator[str]:
    if any(_is_said(run[0], source) for run in claim.denied) or any(_is_said(run[0], claim) for run in source.denied):
        yield "negation"
    for first, second in _JAPANESE_OPPOSITES:
        mine = _poles(claim.text, first, second)
        if len(mine) == 1 and len(its := _poles(source.text, first, second)) == 1 and mine != its:
            yield "direction"
    for line in _JAPANESE_EXCLUSIVE:
        mine_, its_ = ({word for word in line.split() if word in text} for text in (claim.text, source.text))
        if mine_ and its_ and not mine_ & its_:
            yield "direction"
    pairs = set(_DOES.findall(source.text))
    if any(a != b and (b, a) in pairs and (a, b) not in pairs for a, b in _DOES.findall(claim.text)):
        yield "order"
    mine_than, its_than = (set(_THAN.findall(text)) for text in (claim.text, source.text))
    turned = bool(mine_than and its_than) and not mine_than & its_than
    if turned and all(a in source.text for a in mine_than) and all(a in claim.text for a in its_than):
        yield "order"
    if (
        _JAPANESE_ALL.search(claim.text)
        and not _JAPANESE_ALL.search(source.text)
        and _JAPANESE_SOME.search(source.text)
    ):
        yield "quantity"
    if _JAPANESE_ONLY.search(claim.text) and not _JAPANESE_ONLY.search(source.text):
        yield "quantity"


def _is_said(run: str, other: Stance) -> bool:
    """Whether what is denied is said in the other text, and nowhere denied."""
    if any(run in denied[0] or denied[0] in run for denied in other.denied):
        return False
    return any(run in said for said, signs in other.signs.items() if signs == frozenset({False}))


def _poles(text: str, first: list[str], second: list[str]) -> set[int]:
    """Which of two opposites a text has; the one may be part of the other (可能, 不可能)."""
    found: set[int] = set()
    for number, pole, others in ((0, first, second), (1, second, first)):
        for word in pole:
            if word in text:
                for longer in others:
                    bare = text.replace(longer, "") if word in longer else text
                    if word not in bare:
                        break
                else:
                    found.add(number)
    return found
