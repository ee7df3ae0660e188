"""Japanese names of persons, places and addresses, by what stands before and after them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grounding.safety.addresses import japanese_addresses_in
from grounding.safety.lexicon import JAPANESE_PLACES, JAPANESE_SURNAMES, NO_JAPANESE_NAMES, SURNAMES_AND_WORDS
from grounding.values import Finding

_KANJI = "一-鿿々〆ヶ"
_KATAKANA = r"[ァ-ヶー]{2,12}(?:[・ ][ァ-ヶー]{1,12}){0,2}"
_LATIN = r"(?<![A-Za-z])[A-Z][A-Za-z]{1,20}(?:[ ・][A-Z][A-Za-z]{1,20})?"
_HONORIFIC = r"(?:さん(?!ざん|ご|ぽ)|さま|様(?![々式子相態])|氏(?![名族神])|くん|ちゃん|先生|殿(?![堂下様]))"
_HONORIFIC_END = re.compile(r"(?<=.)(?:さん|さま|様|氏|くん|ちゃん|先生|殿)\Z")
_BEFORE_HONORIFIC = re.compile(
    rf"(?<![{_KANJI}ァ-ヶー])(?P<name>[{_KANJI}]{{1,4}}(?:[ ][{_KANJI}]{{1,3}})?"
    rf"|[{_KANJI}]{{2,3}}(?![をはがのにでともやへ])[ぁ-ん]{{2,3}}(?<!みな)|{_KATAKANA}|{_LATIN}){_HONORIFIC}"
)
_NAME = rf"(?P<name>[{_KANJI}]{{1,4}}(?:[ ][{_KANJI}]{{1,3}})?[ぁ-ん]{{0,3}}?|{_KATAKANA})"
_SURNAME = "|".join(sorted(JAPANESE_SURNAMES, key=lambda name: (-len(name), name)))
_CUES = (
    # 田中は; 田中太郎が
    re.compile(rf"(?<![{_KANJI}ァ-ヶー])(?P<name>{_SURNAME})(?=[はがのにをともへや、。]|から|$)"),
    re.compile(
        rf"(?<![{_KANJI}])(?P<name>(?:{_SURNAME})[ ]?[一-鿿々]{{1,3}})(?![{_KANJI}])"
        r"(?<![市区町村県府都駅港島川山線城寺院学校社部課店館場省庁局語人家時年月日度間様氏殿君])(?<!先生)"
    ),
    re.compile(
        rf"(?:私|わたし|わたくし|僕|俺|当方)(?:の名前)?は、?{_NAME}(?:と(?:申|いい|言い)|って(?:いい|言い)ます)"
    ),
    re.compile(
        r"(?:名前|氏名|本名|姓名|旧姓|担当者?|差出人|宛名|名義人?|患者名?|お客様名)(?:は|:|が)[ ]?"
        rf"{_NAME}(?=です|だ|で|と|、|。|\s|$|[ぁ-ん])"
    ),
    re.compile(rf"(?<![{_KANJI}ァ-ヶー]){_NAME}と(?:申します|いいます|言います|申す者)"),
)
_PLACE = re.compile(rf"(?<![ァ-ヶー・])[ァ-ヶー]{{2,12}}(?![ァ-ヶー])|[{_KANJI}]{{2,4}}")
_NO_NAME_END = re.compile(r"(?:室|階|駐車場|支店|本社|窓口|新星|業|賞|会社|以内|以上|都内|国内)\Z")


def japanese_names_in(narrow: str) -> Iterator[Finding]:
    """Persons, places and addresses in any order; spans may overlap. `narrow` is a text with wide forms made narrow."""
    for start, end in japanese_addresses_in(narrow):
        yield Finding("STREET_ADDRESS", start, end, 0.8)
    for match in _PLACE.finditer(narrow):
        if match[0] in JAPANESE_PLACES:
            yield Finding("LOCATION", *match.span(), 0.7)
    for match in _BEFORE_HONORIFIC.finditer(narrow):
        if match["name"] not in NO_JAPANESE_NAMES and match["name"][-2:] not in NO_JAPANESE_NAMES:
            yield Finding("PERSON", *match.span("name"), 0.7)
    for cue in _CUES:
        for match in cue.finditer(narrow):
            if match["name"] not in NO_JAPANESE_NAMES | SURNAMES_AND_WORDS:
                yield Finding("PERSON", *match.span("name"), 0.7)


def without_honorific(name: str) -> str:
    """渡辺様 as 渡辺."""
    return _HONORIFIC_END.sub("", name)


def is_japanese_name(name: str) -> bool:
    """False for rooms, branches and awards, which a recogniser takes for places or persons."""
    return len(name) > 1 and not _NO_NAME_END.search(name)
