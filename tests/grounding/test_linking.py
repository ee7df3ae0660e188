"""Names in passages and in questions: what is recorded, what is looked up, and that one finds the other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.entities import LABELS, normalise
from grounding.linking import LONGEST_NAME, MOST_CANDIDATES, Mention, aliases, candidates, explained, link, mentions
from grounding.values import Entity

TEXTS = st.text(st.sampled_from("aB cDe.'’-(（)）[・ー東京タワーのはé1ЁöŒ가나ไท\n\u3000"), max_size=60)


def named(text: str, *names: tuple[str, str]) -> tuple[str, list[Entity]]:
    return text, [Entity(name, label, text.index(name), text.index(name) + len(name)) for name, label in names]


def looked_up(text: str, language: str = "en") -> set[str]:
    return {candidate.name for candidate in candidates(text, language=language)}


@pytest.mark.parametrize(
    ("surface", "label", "expected"),
    [
        ("International Lighthouse Board", "ORG", ["ilb"]),
        ("Board of the Northern Lights", "ORG", ["bnl"]),
        ("Northern Lights", "ORG", ["nl"]),
        ("Northern Lights", "OTHER", []),
        ("Niamh Tolland", "PERSON", ["tolland"]),
        ("the keeper", "PERSON", []),
        ("ニーヴ・トーランド", "PERSON", ["トーランド"]),
        ("佐伯 一郎", "PERSON", ["佐伯"]),
        ("佐伯一郎", "PERSON", ["佐伯"]),
        ("佐伯太", "PERSON", []),
        ("HX-200", "CODE", []),
        ("4 May 2021", "DATE", []),
    ],
)
def test_other_forms_of_a_name(surface: str, label: str, expected: list[str]) -> None:
    assert list(aliases(surface, label)) == expected


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("The Sallowford Tidal Works (STW) hums.", [("Sallowford Tidal Works", "STW")]),
        ("a low-noise signal coupler 3 (LNSC3)", [("low-noise signal coupler 3", "LNSC3")]),
        ("北海灯台（北灯）の記録", [("北海灯台", "北灯")]),
        ("It rained (again) in 2020 (see below).", []),
        ("the old harbour (STW)", []),
        ("(STW)", []),
        ("a (  ) b (--)", []),
    ],
)
def test_abbreviations_that_a_text_explains(text: str, pairs: list[tuple[str, str]]) -> None:
    assert list(explained(text)) == pairs


def test_an_abbreviation_explained_once_holds_in_the_whole_document() -> None:
    first, second, third = mentions(
        "", [("The Sallowford Tidal Works (STW) hums.", []), ("STW was closed.", []), ("STWX opened.", [])]
    )
    assert set(first) == set(second) == {"sallowford tidal works", "stw"}
    assert not any(mention.alias for mention in first.values())
    assert second["sallowford tidal works"] == Mention("sallowford tidal works", "OTHER", "STW", alias=True)
    assert third == {}


def test_an_abbreviation_of_another_script_is_that_of_the_name_before_it() -> None:
    (found,) = mentions("", [named("北海灯台局（NLB）の記録", ("北海灯台局", "ORG"))])
    assert found["nlb"] == Mention("nlb", "ORG", "NLB")


def test_a_surname_stands_for_the_person_whom_the_document_names_in_full() -> None:
    first, second = mentions(
        "", [named("Niamh Tolland came.", ("Niamh Tolland", "PERSON")), named("Tolland left.", ("Tolland", "OTHER"))]
    )
    assert first["tolland"] == Mention("tolland", "PERSON", "Niamh Tolland", alias=True)
    assert second["niamh tolland"] == Mention("niamh tolland", "PERSON", "Tolland", alias=True)
    assert not second["tolland"].alias


def test_what_the_title_names_all_passages_speak_of() -> None:
    first, second = mentions(
        "Niamh Tolland (keeper)", [named("Niamh Tolland came.", ("Niamh Tolland", "PERSON")), ("She left.", [])]
    )
    assert first["niamh tolland"] == Mention("niamh tolland", "PERSON", "Niamh Tolland", titled=True)
    assert (second["niamh tolland"].alias, second["niamh tolland"].titled) == (True, True)
    (missed,) = mentions("北海灯台", [("昔の北海灯台は木造だった。", [])])
    assert missed["北海灯台"] == Mention("北海灯台", "OTHER", "北海灯台", titled=True)
    long = "How the keeper of the light came to the island"
    assert mentions(long, [("It was dark.", [])]) == [{}]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Sallowford", "where is sallowford?"),
        ("Sallowford Works", "who runs the SALLOWFORD WORKS now"),
        ("Sallowford Works Ltd.", "Was the Sallowford Works' roof mended?"),
        ("Zoë Ångström", "what did zoe angstrom find"),
        ("Ｎｉａｍｈ Tolland", "Niamh Tolland’s letters"),
        ("ニーヴ・トーランド", "ニーヴ・トーランドはいつ生まれましたか"),
        ("株式会社北灯", "北灯の社長は誰ですか"),
        ("佐伯さん", "佐伯さんの手紙"),
        ("北海灯台", "現在の北海灯台局長は?"),
        ("한빛등대", "한빛등대는 어디에 있습니까?"),
        ("แสงเหนือ", "ประภาคารแสงเหนืออยู่ที่ไหน"),
        ("Ольга Зорина", "где родилась Ольга Зорина?"),
        ("ООО Заря", "кто владеет «Заря»?"),
        ("ERR-4012", "what does ERR-4012 mean"),
        ("U.S. Tide Survey", "who leads the US Tide Survey?"),
        ("Tide Reader", "are tide readers waterproof?"),
    ],
)
def test_a_question_finds_a_name_however_it_is_written(written: str, asked: str) -> None:
    assert normalise(written) in looked_up(asked)


def test_words_are_not_taken_for_initials() -> None:
    assert "who" not in looked_up("who said it")
    assert not {"who", "it"} & looked_up("Who said it in Sallowford?")
    assert "who" in looked_up("what did the WHO say")
    assert "die" not in looked_up("wo ist die Mole", language="de")
    assert "アメリ" not in looked_up("アメリカンコーヒー")


def test_of_names_that_overlap_the_longest_is_linked() -> None:
    found = link(candidates("the Sallowford Works in Berlin"), {"sallowford", "sallowford works", "works", "berlin"})
    assert [[form.name for form in forms] for forms in found.names] == [["sallowford works"], ["berlin"]]
    assert found.unknown == 0


def test_a_recognised_name_that_nothing_speaks_of_is_counted() -> None:
    text, entities = named("Did Zorb meet Niamh Tolland?", ("Zorb", "PERSON"), ("Niamh Tolland", "PERSON"))
    found = link(candidates(text, entities), {"tolland"})
    assert [[form.name for form in forms] for forms in found.names] == [["tolland"]]
    assert found.unknown == 1


@settings(deadline=None, max_examples=150)
@given(TEXTS, TEXTS, st.sampled_from(LABELS))
def test_what_is_recorded_is_in_its_normal_form_and_found_again(title: str, text: str, label: str) -> None:
    entities = [Entity(text[at : at + 9], label, at, min(at + 9, len(text))) for at in range(0, len(text), 11)]
    (found,) = mentions(title, [(text, entities)])
    for name, mention in found.items():
        assert name == mention.name == normalise(name)
        assert 0 < len(name) <= LONGEST_NAME
    recognised = {candidate.name for candidate in candidates(text, entities) if candidate.recognised}
    assert {name for entity in entities if (name := normalise(entity.text))} == recognised


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=2000))
def test_what_is_looked_up_is_bounded(text: str) -> None:
    found = candidates(text * 3)
    assert len(found) <= MOST_CANDIDATES + 1
    assert all(0 <= candidate.start < candidate.end for candidate in found)
