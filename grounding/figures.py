"""Text -> its figures in a normal form: numbers with units and bounds, dates, times of day, codes. Pure.

1,000 is 1000, one thousand, and 千; 5 % is five percent, and 5割 is 50 %; 24 hours are a day; 12 March 2024 is
2024-03-12, 2024年3月12日 and 令和6年3月12日. English and Japanese; in other languages what is written in figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from grounding.folding import visible

Bound: TypeAlias = Literal["", "least", "most"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a unit, "" where none is known; of `least` and `most` the number is a bound."""

    value: float
    unit: str = ""
    bound: Bound = ""


@dataclass(frozen=True, slots=True)
class Date:
    """A date as far as it is said."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a text. Times are minutes since midnight."""

    numbers: frozenset[Number] = frozenset()
    dates: frozenset[Date] = frozenset()
    times: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()

    def __or__(self, other: Figures) -> Figures:
        return Figures(
            self.numbers | other.numbers, self.dates | other.dates, self.times | other.times, self.codes | other.codes
        )

    def __bool__(self) -> bool:
        return bool(self.numbers or self.dates or self.times or self.codes)


_ONES = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_COUNTS = "|".join((*_ONES, *_TENS, *_SCALES, "dozen"))
_SPELLED = re.compile(
    rf"\b(?:{'|'.join((*_ONES, *_TENS, 'dozen'))}|an? (?:{'|'.join((*_SCALES, 'dozen'))}))"
    rf"(?:[ -]{{1,2}}(?:and[ ])?(?:{_COUNTS})\b){{0,12}}\b",
    re.IGNORECASE,
)
_SCALED = re.compile(
    r"(\d[\d,]{0,20}(?:\.\d{1,9})?)[ -]?(hundred|thousand|million|billion|trillion|bn|mn)\b", re.IGNORECASE
)

_KANJI = {character: number for number, character in enumerate("〇一二三四五六七八九")}
_KANJI_TENS = {"十": 10, "百": 100, "千": 1000}
_KANJI_SCALES = {"万": 10**4, "億": 10**8, "兆": 10**12}
_COUNTERS = (
    "年間|年度|年|か月|ヶ月|カ月|ヵ月|箇月|ケ月|月|日間|日|週間|週|時間|時|分間|分|秒間|秒|円|ドル|ユーロ|人|名|個|件|回|歳|才|台|本|枚|"
    "冊|社|階|度|倍|割|点|票|匹|頭|杯|種類|か国|ヶ国|カ国|箇所|か所|ヶ所|カ所|つ|%|パーセント|ポイント|メートル|キロ|グラム|条|章|項|号|世紀|番|位|代"
)
_JAPANESE_NUMBER = re.compile(
    rf"(?<![一-九十百千万億兆])(?:(?:\d[\d,]{{0,20}}+(?:\.\d{{1,9}}+)?+|[〇一二三四五六七八九十百千]{{1,9}}+)[万億兆]?+){{1,4}}[十百千]?"
    rf"(?={_COUNTERS})|\d[\d,]{{0,20}}(?:\.\d{{1,9}})?[百千万億兆](?:\d[\d,]{{0,8}}[百千万億]?){{0,3}}"
)
_ENOUGH = re.compile(
    "十分(?!間|前|後|以|ほど|程|おき|ごと|毎)|一度|一部|一人ひとり|一人一人|一日中|一番|一つ|一回り|万一|千代|三日月"
)
"""Words that begin as a number does."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sep sept|october oct|"
        "november nov|december dec".split("|"),
        start=1,
    )
    for name in names.split()
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867}
_YEAR = r"(?P<year>[12]\d{3})"
_IN_YEAR = r"(?: ?(?P<month>\d{1,2}) ?月(?: ?(?P<day>\d{1,2}) ?日)?)?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>[12]\d{3})[-/.](?P<month>0?[1-9]|1[0-2])[-/.](?P<day>0?[1-9]|[12]\d|3[01])(?!\d)",
        rf"(?:(?P<era>{'|'.join(_ERAS)}) ?(?P<year>\d{{1,2}}|元)|(?<!\d)(?P<full>[12]\d{{3}})) ?年(?! ?間){_IN_YEAR}",
        r"(?<!\d)(?P<month>\d{1,2}) ?月(?: ?(?P<day>\d{1,2}) ?日)?",
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: day)?(?: of)?[ -]{_MONTH}(?:(?:,? |-){_YEAR})?\b",
        rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,? {_YEAR}\b)?",
        rf"\b{_MONTH},? (?:of )?{_YEAR}\b",
        r"\b(?P<month>january|february|april|june|july|august|september|october|november|december)\b",
        r"(?<=\b[iI][nN] )(?P<month>march|may)\b",
    )
)
_MAY_BE_DATE = re.compile(rf"[年月]|\d[-/.]\d|\b(?:{'|'.join(_MONTHS)})\b", re.IGNORECASE)
_NUMERIC_DATE = re.compile(r"(?<![\d/.])(\d{1,2})([/.])(\d{1,2})\2([12]\d{3})(?![\d/])")
_TIME = re.compile(
    r"(?<![\d:.])(?P<before>午前|午後)? ?(?P<hour>[01]?\d|2[0-4])(?:(?P<sep>[:.]|時)(?P<minute>[0-5]\d)分?"
    r"(?: ?(?P<half>[ap])\.?m\b\.?)?|(?P<plain>時)(?!間)(?P<thirty>半)?| ?(?P<bare>[ap])\.?m\b\.?)",
    re.IGNORECASE,
)

_SCALE: dict[str, tuple[str, float]] = {}
for _unit, _factor, _names in (
    ("second", 0.001, "ms millisecond milliseconds ミリ秒"),
    ("second", 1, "sec secs second seconds 秒間 秒"),
    ("second", 60, "min mins minute minutes 分間 分"),
    ("second", 3600, "h hr hrs hour hours 時間"),
    ("second", 86400, "day days 日間 日"),
    ("second", 604800, "week weeks 週間 週"),
    ("month", 1, "month months か月 ヶ月 カ月 ヵ月 箇月 ケ月"),
    ("month", 12, "year years yr yrs 年間 年"),
    ("metre", 0.001, "mm millimetre millimetres millimeter millimeters ミリメートル"),
    ("metre", 0.01, "cm centimetre centimetres centimeter centimeters センチメートル センチ"),
    ("metre", 1, "m metre metres meter meters メートル"),
    ("metre", 1000, "km kilometre kilometres kilometer kilometers キロメートル"),
    ("mile", 1, "mi mile miles マイル"),
    ("foot", 1, "ft foot feet フィート"),
    ("inch", 1, "inch inches インチ"),
    ("gram", 1e-6, "µg μg mcg microgram micrograms マイクログラム"),
    ("gram", 1e-3, "mg milligram milligrams ミリグラム"),
    ("gram", 1, "g gram grams グラム"),
    ("gram", 1e3, "kg kilogram kilograms kilo kilos キログラム"),
    ("gram", 1e6, "tonne tonnes トン"),
    ("pound", 1, "lb lbs"),
    ("litre", 0.001, "ml millilitre millilitres milliliter milliliters ミリリットル"),
    ("litre", 1, "l litre litres liter liters リットル"),
    ("byte", 1e3, "kb kilobyte kilobytes"),
    ("byte", 1e6, "mb megabyte megabytes"),
    ("byte", 1e9, "gb gigabyte gigabytes"),
    ("byte", 1e12, "tb terabyte terabytes"),
    ("hertz", 1e6, "mhz"),
    ("hertz", 1e9, "ghz"),
    ("watt", 1, "w watt watts ワット"),
    ("watt", 1e3, "kw kilowatt kilowatts キロワット"),
    ("volt", 1, "v volt volts ボルト"),
    ("percent", 1, "% percent per-cent パーセント"),
    ("percent", 10, "割"),
    ("point", 1, "percentage-point percentage-points パーセントポイント ポイント"),
    ("celsius", 1, "°c ℃ degrees-celsius"),
    ("fahrenheit", 1, "°f ℉ degrees-fahrenheit"),
    ("dollar", 1, "$ usd dollar dollars ドル"),
    ("euro", 1, "€ eur euro euros ユーロ"),
    ("sterling", 1, "£ gbp pound pounds ポンド"),
    ("yen", 1, "¥ jpy yen 円"),
    ("time", 1, "times 回"),
    ("fold", 1, "倍"),
    ("person", 1, "people person persons employees 人 名"),
    ("age", 1, "歳 才"),
):
    for _name in _names.split():
        _SCALE[_name.replace("-", " ")] = (_unit, _factor)
_SCALE["c"], _SCALE["f"] = _SCALE["°c"], _SCALE["°f"]


def _is_word(name: str) -> bool:
    return name.isascii() and name.isalpha()


_LONGEST_FIRST = sorted(_SCALE, key=len, reverse=True)
_LATIN = "|".join(name for name in _LONGEST_FIRST if name[-1].isascii() and name[-1].isalpha() and name not in "cf")
_OTHER = "|".join(re.escape(name) for name in _LONGEST_FIRST if not (name[-1].isascii() and name[-1].isalpha()))
_COUNTED = re.compile(rf"[ -](?:{_LATIN})(?![A-Za-z])", re.IGNORECASE)
_NUMBER = re.compile(
    rf"(?P<currency>[$€£¥])? ?(?P<sign>(?<![\w)])-)?(?<![A-Za-z\d.,])(?<![A-Za-z]-)"
    rf"(?P<digits>\d{{1,3}}(?:,\d{{3}}){{1,5}}(?!\d)|\d{{1,20}})(?P<decimals>\.\d{{1,12}})?"
    rf"(?:[ -]?(?:(?P<latin>{_LATIN})(?![A-Za-z])|(?P<other>{_OTHER}))|(?P<ordinal>st|nd|rd|th)\b|(?P<scale>[kKM])\b)?",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![A-Za-z\d])(?:[A-Z]{1,8}[-_/]?\d{1,9}[A-Z\d]{0,4}|v?\d{1,5}(?:\.\d{1,5}){2,4})(?![A-Za-z\d])")
_SPLIT_THOUSANDS = re.compile("(?<=\\d)[\u00a0\u2009\u202f'](?=\\d{3}(?!\\d))")

_LEAST = re.compile(
    r"(?:at least|(?:a )?minimum(?: of)?|(?:no|not) (?:less|fewer) than|"
    r"(?:more|greater|longer|higher|larger|older) than|"
    r"over|above|exceed(?:s|ing|ed)?|from|min\.?|最低で?も?|最短|最小|少なくとも)[ :]{0,2}$",
    re.IGNORECASE,
)
_MOST = re.compile(
    r"(?:at (?:the )?most|(?:a )?maximum(?: of)?|(?:no|not) (?:more|longer|later) than|up to|within|under|below|max\.?|"
    r"(?:less|fewer|shorter|lower|smaller|younger) than|(?:not|cannot) exceed(?:ing)?|"
    r"最大で?も?|最長|最高|多くとも)[ :]{0,2}$",
    re.IGNORECASE,
)
_LEAST_BEHIND = re.compile(
    r" ?(?:or (?:more|longer|older|above|over)|and (?:over|above)|minimum|以上|を?超|より多)", re.IGNORECASE
)
_MOST_BEHIND = re.compile(
    r" ?(?:or (?:less|fewer|shorter|under|below)|maximum|以下|以内|未満|まで|を超えない)", re.IGNORECASE
)
_TAKEN = " ; "
_BEFORE = 24
"""Characters before a number in which its bound stands."""


_NONE = Figures()


def figures(text: str) -> Figures:
    """The figures of a text."""
    return split(text)[0]


def split(text: str) -> tuple[Figures, str]:
    """The figures of a text, and the text without them and their units, in NFKC."""
    plain = visible(_SPLIT_THOUSANDS.sub("", text))
    if not _MAY_HAVE.search(plain):
        return Figures(), plain
    plain = _in_digits(plain)
    # Each kind is taken out before the next is looked for: 12 in "12 March" is no number.
    codes = {re.sub(r"[-_/]", "", found[0]).casefold() for found in _CODE.finditer(plain)}
    plain = _CODE.sub(_TAKEN, plain)
    dates, plain = _take_dates(plain)
    times, plain = _take_times(plain)
    numbers = frozenset(_numbers(plain))
    return Figures(numbers, frozenset(dates), frozenset(times), frozenset(codes)), _NUMBER.sub(_TAKEN, plain)


def disagreements(claim: Figures, source: Figures, around: Figures = _NONE) -> tuple[str, ...]:
    """What of "number", "unit", "bound", "date", "time", "code" a claim has otherwise than its source. `around` are the
    figures of the heading, which may add a year."""
    found: list[str] = []
    years = {date.year for date in source.dates | around.dates} | {int(n.value) for n in around.numbers if not n.unit}
    years |= {int(number.value) for number in source.numbers if not number.unit and 1000 <= number.value < 3000}
    numbers = source.numbers | {number for number in around.numbers if _is_year(number)}
    for number in claim.numbers:
        if problem := _disagrees(number, numbers, years):
            found.append(problem)
    if any(not _has_date(date, source.dates, years) for date in claim.dates):
        found.append("date")
    if not claim.times <= source.times:
        found.append("time")
    if not claim.codes <= source.codes | around.codes:
        found.append("code")
    return tuple(dict.fromkeys(found))


def _is_year(number: Number) -> bool:
    return not number.unit and 1000 <= number.value < 3000


def _disagrees(number: Number, source: Iterable[Number], years: set[int | None]) -> str:
    alike = [other for other in source if _equal(number.value, other.value)]
    fitting = [other for other in alike if number.unit == other.unit or not number.unit or not other.unit]
    if fitting:
        bounds = {other.bound for other in fitting}
        return "bound" if number.bound and "" not in bounds and number.bound not in bounds else ""
    if _is_year(number) and int(number.value) in years:
        return ""
    return "unit" if alike else "number"


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1.0)


def _has_date(date: Date, source: Iterable[Date], years: set[int | None]) -> bool:
    if date.month is None:
        return date.year in years
    return any(
        date.month == other.month
        and date.day in (None, other.day)
        and (date.year in (None, other.year) or (other.year is None and date.year in years))
        for other in source
    )


_MAY_HAVE = re.compile(
    rf"[\d〇一二三四五六七八九十百千万億兆]|\b(?:{'|'.join((*_ONES, *_TENS, *_SCALES, 'dozen', *_MONTHS))})\b",
    re.IGNORECASE,
)


def _in_digits(text: str) -> str:
    """Numbers in words, and in Han characters before what they count, as digits."""
    if not text.isascii():
        text = _JAPANESE_NUMBER.sub(_of_japanese, _ENOUGH.sub(lambda m: f"{m[0][0]}\u2060{m[0][1:]}", text))
    text = _SPELLED.sub(_of_words, text)
    return _SCALED.sub(lambda m: _written(float(m[1].replace(",", "")) * _scale(m[2])), text)


def _scale(name: str) -> int:
    return {"bn": 10**9, "mn": 10**6}.get(name.lower()) or _SCALES[name.lower()]


def _of_words(match: re.Match[str]) -> str:
    words = re.findall(r"[a-z]+", match[0].lower())
    if words == ["one"]:  # "one of them", "no one"
        return "1" if _COUNTED.match(match.string, match.end()) else match[0]
    total = current = 0
    for word in words:
        if word in ("a", "an"):
            current += 1
        elif word == "dozen":
            current = max(current, 1) * 12
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word in _SCALES:
            total, current = total + max(current, 1) * _SCALES[word], 0
        else:
            current += _ONES.get(word, 0) + _TENS.get(word, 0)
    return str(total + current)


def _of_japanese(match: re.Match[str]) -> str:
    total = section = current = 0.0
    for digits, character in re.findall(r"(\d[\d,]*(?:\.\d+)?)|(.)", match[0]):
        if digits:
            current = float(digits.replace(",", ""))
        elif character in _KANJI:
            current = current * 10 + _KANJI[character]
        elif character in _KANJI_TENS:
            section, current = section + max(current, 1) * _KANJI_TENS[character], 0
        else:
            total, section, current = total + max(section + current, 1) * _KANJI_SCALES[character], 0, 0
    return _written(total + section + current)


def _written(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _take_dates(text: str) -> tuple[set[Date], str]:
    found: set[Date] = set()

    def numeric(match: re.Match[str]) -> str:
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        found.update(
            Date(year, month, day) for day, month in {(first, second), (second, first)} if month <= 12 and day <= 31
        )
        return _TAKEN

    def take(match: re.Match[str]) -> str:
        parts = match.groupdict()
        year = parts.get("full") or parts.get("year")
        month, day = parts.get("month"), parts.get("day")
        number = 1 if year == "元" else int(year) if year else None
        if number is not None and parts.get("era"):
            number += _ERAS[parts["era"]]
        date = Date(number, _MONTHS.get(month.lower()) or int(month) if month else None, int(day) if day else None)
        if (date.month or 1) > 12 or (date.day or 1) > 31:
            return match[0]
        found.add(date)
        return _TAKEN

    text = _NUMERIC_DATE.sub(numeric, text)
    if _MAY_BE_DATE.search(text):
        for pattern in _DATES:
            text = pattern.sub(take, text)
    return found, text


def _take_times(text: str) -> tuple[set[int], str]:
    found: set[int] = set()

    def take(match: re.Match[str]) -> str:
        if match["sep"] == "." and not match["half"]:
            return match[0]
        half = (match["half"] or match["bare"] or {"午前": "a", "午後": "p"}.get(match["before"] or "", "")).lower()
        hour, minute = int(match["hour"]), int(match["minute"] or 0) + (30 if match["thirty"] else 0)
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        found.add(hour * 60 + minute)
        return _TAKEN

    return found, _TIME.sub(take, text)


def _numbers(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        value = float(match["digits"].replace(",", "") + (match["decimals"] or ""))
        name = match["currency"] or (match["latin"] or match["other"] or "").lower()
        scale = match["scale"] or (match["currency"] and match["latin"]) or ""
        value *= {"k": 1e3, "m": 1e6}.get(scale.lower(), 1.0)
        unit, factor = _SCALE.get(name, ("", 1.0))
        yield Number(round((-value if match["sign"] else value) * factor, 9), unit, _bound(text, match))


def _bound(text: str, match: re.Match[str]) -> Bound:
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    if _MOST.search(before) or _MOST_BEHIND.match(text, match.end()):
        return "most"
    if _LEAST.search(before) or _LEAST_BEHIND.match(text, match.end()):
        return "least"
    return ""
