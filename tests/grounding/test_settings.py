from __future__ import annotations

from pathlib import Path

import pytest

from grounding import settings
from grounding.errors import ConfigurationError


def env(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"GROUNDING_HOME": str(tmp_path)} | {f"GROUNDING_{name}": value for name, value in variables.items()}


def test_environment_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    (tmp_path / "grounding.toml").write_text("[retrieval]\ntop_k = 5\nrerank_depth = 20\n", "utf-8")
    found = settings.load(env(tmp_path, RETRIEVAL__TOP_K="3"))
    assert (found.retrieval.top_k, found.retrieval.rerank_depth, found.retrieval.candidates) == (3, 20, 100)


def test_every_setting_tells_its_origin_and_secrets_are_masked(tmp_path: Path) -> None:
    (tmp_path / "grounding.toml").write_text("[retrieval]\nrerank_depth = 20\n", "utf-8")
    rows = {row.name: row for row in settings.explain(env(tmp_path, DATABASE_URL="postgresql://u:secret@h/d"))}
    assert rows["retrieval.rerank_depth"].origin.endswith("grounding.toml")
    assert rows["database_url"].origin == "GROUNDING_DATABASE_URL"
    assert rows["retrieval.top_k"].origin == "default"
    assert "secret" not in repr(rows)
    assert set(settings.known_names()) == set(rows)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MODELS__EMBEDER", "x", "did you mean GROUNDING_MODELS__EMBEDDER"),
        ("RETREIVAL__TOP_K", "3", "did you mean GROUNDING_RETRIEVAL__TOP_K"),
        ("RETRIEVAL__TOP_K", "many", "GROUNDING_RETRIEVAL__TOP_K"),
        ("RETRIEVAL__TOP_K", "0", "greater than or equal to 1"),
        ("RETRIEVAL__LEGS", "dense,sparse", "GROUNDING_RETRIEVAL__LEGS"),
        ("SERVER__PORT", "99999", "GROUNDING_SERVER__PORT"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        settings.load(env(tmp_path, **{name: value}))


def test_an_unknown_name_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "grounding.toml").write_text("[retrieval]\ntopk = 3\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"retrieval\.topk.*did you mean retrieval\.top_k"):
        settings.load(env(tmp_path))


def test_broken_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "grounding.toml").write_text("[retrieval\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"grounding\.toml: not valid TOML"):
        settings.load(env(tmp_path))


def test_entity_pipelines_are_set_by_language(tmp_path: Path) -> None:
    found = settings.load(env(tmp_path, MODELS__ENTITIES__EN="builtin"))
    assert found.models.entities["en"] == "builtin"


def test_setting_one_language_keeps_the_pipelines_of_the_others(tmp_path: Path) -> None:
    found = settings.load(env(tmp_path, MODELS__ENTITIES__EN="builtin", MODELS__ENTITIES__FR="fr_core_news_sm"))
    assert found.models.entities == {"en": "builtin", "ja": "ja_ginza", "fr": "fr_core_news_sm"}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (
            '[safety.collections.hr]\npresets = "off"\n',
            r"grounding\.toml: safety\.collections\.hr\.presets: unknown setting",
        ),
        ('[safety.keys.kiosk]\npreset = "lax"\n', r"grounding\.toml: safety\.keys\.kiosk\.preset: .*'off', 'balanced'"),
        ('[safety.pii]\nPHONE = "allow"\n', r"grounding\.toml: safety\.pii: .*did you mean PHONE_NUMBER"),
    ],
)
def test_a_wrong_rule_of_safety_is_named(tmp_path: Path, written: str, says: str) -> None:
    (tmp_path / "grounding.toml").write_text(written, "utf-8")
    with pytest.raises(ConfigurationError, match=says):
        settings.load(env(tmp_path))


def test_kinds_of_private_values_are_set_in_the_file_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "grounding.toml").write_text('[safety.pii]\nemail_address = "allow"\n', "utf-8")
    found = settings.load(env(tmp_path, SAFETY__PII__PHONE_NUMBER="block"))
    assert found.safety.pii == {"EMAIL_ADDRESS": "allow", "PHONE_NUMBER": "block"}
