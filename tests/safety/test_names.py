"""Names of persons and places, and addresses: by rules, beside a recogniser that is told what to say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.safety.names import NameFinder
from grounding.values import Entity, Finding


class Recogniser:
    """EntityExtractor that recognises the words it was given, everywhere."""

    def __init__(self, **labels: str) -> None:
        self._labels = {name.replace("_", " "): label for name, label in labels.items()}

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        return [tuple(sorted(self._in(text), key=lambda entity: entity.start)) for text in texts]

    def _in(self, text: str) -> list[Entity]:
        places = [(name, text.find(name)) for name in self._labels]
        return [Entity(name, self._labels[name], at, at + len(name)) for name, at in places if at >= 0]


def found(text: str, *, language: str = "en", **labels: str) -> list[tuple[str, str]]:
    findings = NameFinder(Recogniser(**labels)).find(text, language=language)
    return [(finding.kind, text[finding.start : finding.end]) for finding in findings]


PERSONS = [
    ("my name is {} and I am late", "Rubija"),
    ("my name is {}.", "lena andersson"),
    ("MY NAME IS {}", "JOHN SMITH"),
    ("Her maiden name is {}", "Key"),
    ("please correct it to Dr. {}", "Cettina Fanucci"),
    ("mr. {} flew away", "elliott"),
    ("Dear Ms {},\nthank you", "O'Connor"),
    ("Best regards,\n{}", "Ingrid Møller-Hansen"),
    ("my wife {} and I", "Anna"),
    ("Employee: {}", "Kwame Nkrumah"),
    ("we need to add {} as guardian", "Mstislav Dolgorukova"),
    ("directed by {}", "Brad L Key"),
    ("Can {} carry over leave?", "John Smith"),
    ("not by {}, they say", "Elínborg Guðmundsdóttir"),
    ("people call me {}", "višeslav"),
    ("{} lives here", "Shovda"),
]


@pytest.mark.parametrize(("sentence", "name"), PERSONS, ids=[name for _, name in PERSONS])
def test_persons_by_what_stands_around_them(sentence: str, name: str) -> None:
    assert found(sentence.format(name)) == [("PERSON", name)]


PLACES = [
    ("i come from {}", "france"),
    ("He grew up in {}.", "Remniku"),
    ("my friend lives in {}", "harburg"),
    ("We moved here from {}", "KIIKOINEN"),
    ("a trip to {} next week", "South Africa"),
    ("{} is on my list", "Turkey"),
]


@pytest.mark.parametrize(("sentence", "name"), PLACES, ids=[name for _, name in PLACES])
def test_places_by_their_names_and_by_what_stands_around_them(sentence: str, name: str) -> None:
    assert found(sentence.format(name)) == [("LOCATION", name)]


ADDRESSES = [
    "90 Whitchurch Road",
    "3911 fourth avenue",
    "1600 Pennsylvania Avenue NW, Washington, DC 20500",
    "742 Evergreen Terrace, Springfield",
    "350 Fifth Avenue, Suite 3300, New York, NY 10118",
    "221B Baker Street, London NW1 6XE",
    "12 Oak Ave, Apt 4B, Springfield, IL 62704",
    "Hauptstr. 12, 10115 Berlin",
    "Villacher Strasse 89",
    "48334 36 rue de pologne",
    "Via Roma 131",
    "86036 Rua do Arenque 1634",
    "Árpád fejedelem útja 3",
    "77009 P.O. Box 255\n Suite 966",
    "PSC 1437, Box 3833\nAPO AA 66791",
    "the corner of Dalbraut 99 and Frederikke Coves",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_found_whole(address: str) -> None:
    assert found(f"send it to {address}.") == [("STREET_ADDRESS", address)]


JAPANESE = [
    ("{}さんの有給は何日ですか", "PERSON", "田中"),
    ("{}様からの問い合わせ", "PERSON", "渡辺"),
    ("{}先生に聞く", "PERSON", "森"),
    ("{}さんに連絡", "PERSON", "マイケル・ジョンソン"),
    ("私は{}と申します", "PERSON", "山田太郎"),
    ("氏名：{}", "PERSON", "能登谷 千尋"),
    ("{}の内線は", "PERSON", "高橋"),
    ("{}に住んでいます", "LOCATION", "ドイツ"),
    ("住所は{}です", "STREET_ADDRESS", "東京都千代田区丸の内1-1-1 丸の内ビル101号室"),
    ("住所：{}", "STREET_ADDRESS", "〒530-0001 大阪府大阪市北区梅田1-2-3"),
    ("{}に行く", "STREET_ADDRESS", "大阪市北区梅田３丁目１番３号"),
    ("{}です", "STREET_ADDRESS", "札幌市中央区北1条西2丁目"),
]


@pytest.mark.parametrize(("sentence", "kind", "name"), JAPANESE, ids=[name for _, _, name in JAPANESE])
def test_japanese_names_and_addresses(sentence: str, kind: str, name: str) -> None:
    assert found(sentence.format(name), language="ja") == [(kind, name)]


@pytest.mark.parametrize(
    "text",
    [
        "How do I reset my Okta password?",
        "What is the ISO 27001 policy for Remote Work in the EU?",
        "Which Python version does the API use on Linux?",
        "Table 3 shows 200 Patients in 2018, 12 March 1974 and 30 September 2025",
        "5 days on the road; Route 53 and Windows 11; 100 rows per page",
        "CAN I SPEAK TO A REAL PERSON?!",
        "my name is wrong on the card; he lives in fear; the name is required",
        "Working from home. Documents and Shipments. Valid from Monday.",
        "I like turkey. Is May a good month?",
        "お客様の個人情報と仕様書の様式。皆様、お疲れ様です。有給休暇は何日ありますか",
        "平成30年度第1回市町村会議で1-2の比較",
    ],
)
def test_ordinary_words_are_no_names(text: str) -> None:
    assert found(text, language="ja" if "。" in text or "会議" in text else "en") == []


def test_what_the_recogniser_says_is_taken_but_for_ordinary_words() -> None:
    assert found("Ada met Bo", Ada="PERSON", Bo="PLACE") == [("PERSON", "Ada"), ("LOCATION", "Bo")]
    assert found("Working hours, PW and Documents", Working="PERSON", PW="PLACE", Documents="PERSON") == []
    assert found("at Weir Lab they say", Weir_Lab="ORG") == []


def test_a_name_in_an_enumeration_is_of_the_kind_of_the_others() -> None:
    assert found("call Wocjik, Nowak and Zielinski", Wocjik="PERSON") == [
        ("PERSON", "Wocjik"),
        ("PERSON", "Nowak"),
        ("PERSON", "Zielinski"),
    ]


def test_a_person_is_found_again_by_a_part_of_the_name() -> None:
    text = "my name is Vanessa P. Hertzog but at work Hertzog will do"
    assert found(text) == [("PERSON", "Vanessa P. Hertzog"), ("PERSON", "Hertzog")]


def test_a_line_of_a_visiting_card_above_an_address_is_a_person() -> None:
    assert found("naomi kyan\n\n3747 Oak Road\n")[0] == ("PERSON", "naomi kyan")
    assert found("blue kettle\n\nis a nice thing\n") == []


def test_an_address_takes_the_names_within_it() -> None:
    assert found("at 12 Paris Street, Berlin, Germany", Paris="PLACE") == [
        ("STREET_ADDRESS", "12 Paris Street, Berlin, Germany")
    ]


def test_a_text_of_unknown_language_is_read_by_its_script() -> None:
    assert found("渡辺さんはいますか", language="und") == [("PERSON", "渡辺")]
    assert found("my name is Rubija", language="und") == [("PERSON", "Rubija")]


def test_the_version_says_which_models() -> None:
    assert NameFinder(Recogniser(), model="a").version != NameFinder(Recogniser()).version


PIECES = [
    "my name is ",
    "Anna",
    "渡辺さん",
    "12 Oak Road, ",
    "Berlin",
    "\n",
    "é",
    "É",
    " and ",
    "〒100-0001",
    "Mr. ",
    "'s",
    "🙂",
]


@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=12).map("".join),
    st.sampled_from(["en", "ja", "und", "de"]),
)
def test_findings_lie_in_the_text_in_order_and_apart(text: str, language: str) -> None:
    findings: list[Finding] = NameFinder(Recogniser(Anna="PERSON", Berlin="PLACE")).find(text, language=language)
    for finding in findings:
        assert 0 <= finding.start < finding.end <= len(text)
        assert 0.0 < finding.score <= 1.0
    assert all(before.end <= after.start for before, after in pairwise(findings))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "Mr ",
            "Mr. A ",
            "my name is ",
            "A ",
            "Ab ",
            "Ab-",
            "12 Ab ",
            "12 Ab 12 ",
            "Ab Street, ",
            "Apt. 1 ",
            "Suite ",
        ),
        *("the corner of ", "P.O. Box ", "PSC 1, ", "Abc, ", "Ab\n", "lives in ", "in Ab ", "É", "O'", "de la ", "> "),
        *(
            "Ab str. 1 ",
            "Ab's ",
            "Apt. 1\n    ",
            "東京都",
            "東京都港区",
            "丁目",
            "1-1-",
            "さん",
            "田中",
            "アア・",
            "区",
            "名前は",
        ),
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    """Of 50,000 characters; quadratic time would be minutes."""
    text = (piece * (50_000 // len(piece)))[:50_000]
    began = time.process_time()
    NameFinder(Recogniser()).find(text, language="ja" if piece > "あ" else "en")
    assert time.process_time() - began < 4.0
