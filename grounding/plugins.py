"""Name -> factory for each seam: the one place that knows which model library serves which name.

Calling a factory is cheap; what it makes loads its model at first use. A name with a colon, `my.module:factory`,
is imported and called with the settings.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from grounding.errors import ConfigurationError, GroundingError
from grounding.ports import (
    Embedder,
    EntityExtractor,
    Generator,
    Polisher,
    QuestionRewriter,
    Reranker,
    SafetyCheck,
    SpellingCorrector,
)
from grounding.settings import GeneratorSettings, Settings
from grounding.values import Entity

_FACTORY = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_LOCAL = "local"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def embedder(name: str, *, settings: Settings) -> Embedder:
    """The embedder of a known name, a folder, a model `organisation/model` of the hub, or `my.module:factory`."""
    known = _EMBEDDERS.get(name.casefold())
    if known is not None:
        return known(settings)
    if _is_folder(name):
        from grounding.models import sentence_transformers

        return sentence_transformers.from_folder(Path(name), threads=settings.models.threads)
    if _FACTORY.fullmatch(name):
        made = _called(name, seam="embedder", settings=settings)
        return cast(Embedder, _fitting(made, Embedder, seam="embedder", name=name))
    if _HUB_NAME.fullmatch(name):
        from grounding.models import sentence_transformers

        return sentence_transformers.from_hub(name, threads=settings.models.threads)
    forms = "a folder of a sentence-transformers model, organisation/model of the Hugging Face hub, my.module:factory"
    raise ConfigurationError(_unknown("embedder", name, known=_EMBEDDERS, forms=forms))


def generator(
    name: str, *, settings: Settings, embedder: Embedder, options: GeneratorSettings | None = None
) -> Generator:
    """The generator of a name of the settings; or of a known name, a chat model as `provider:model`, a model file as
    `local:FILE.gguf`, or `my.module:factory`. `options` say what the name stands for; by default those of the settings.

    A factory may return a Generator or a chat model of langchain-core.
    """
    options = options or _stands_for(name, settings)
    model = options.model
    known = _GENERATORS.get(model.casefold())
    if known is not None:
        return known(embedder)
    from grounding.models import langchain
    from grounding.prompt import render

    prefix = model.partition(":")[0]
    if prefix in langchain.PROVIDERS:
        return langchain.from_provider(name, options=options, render=render, environ=os.environ)
    if prefix == _LOCAL:
        from grounding.models import llamacpp

        threads, folder = settings.models.threads, settings.models_folder
        return llamacpp.from_name(model, options=options, threads=threads, models_folder=folder, render=render)
    if _FACTORY.fullmatch(model):
        made = _called(model, seam="generator", settings=settings)
        if langchain.is_chat_model(made):
            return langchain.from_model(made, name=name, render=render, options=options)
        return cast(Generator, _fitting(made, Generator, seam="generator", name=model))
    raise ConfigurationError(_unknown("generator", model, known=_GENERATORS, forms=_generator_forms()))


def _stands_for(name: str, settings: Settings) -> GeneratorSettings:
    """What the settings say of a name, or a model of this name with what holds for any."""
    return settings.generators.get(name) or GeneratorSettings(model=name or " ")


def _generator_forms() -> str:
    from grounding.models.langchain import PROVIDERS

    return f"provider:model ({', '.join(sorted(PROVIDERS))}), {_LOCAL}:FILE.gguf, my.module:factory"


def is_known_generator(name: str) -> bool:
    """Whether a name stands for a generator of this package or of a provider, not for a function to be imported."""
    from grounding.models.langchain import PROVIDERS

    provider, colon, model = name.partition(":")
    return name.casefold() in _GENERATORS or (provider in PROVIDERS and bool(colon and model))


def question_rewriter(*, settings: Settings) -> QuestionRewriter | None:
    """The rewriter of the settings: a name of `generators` that is a chat model, one as `provider:model` or as
    `my.module:factory`; None for `none`.

    A factory may return a QuestionRewriter or a chat model of langchain-core.
    """
    name, seconds = settings.models.rewriter, settings.models.rewriter_seconds
    if name.casefold() == "none":
        return None
    from grounding.models import langchain

    options = _stands_for(name, settings)
    model = options.model
    if model.partition(":")[0] in langchain.PROVIDERS:
        return langchain.rewriter_from_provider(name, options=options, seconds=seconds, environ=os.environ)
    if _FACTORY.fullmatch(model) and not model.startswith(f"{_LOCAL}:"):
        made = _called(model, seam="rewriter", settings=settings)
        if langchain.is_chat_model(made):
            return langchain.rewriter_from_model(made, name=name, seconds=seconds, options=options)
        return cast(QuestionRewriter, _fitting(made, QuestionRewriter, seam="rewriter", name=model))
    forms = f"provider:model ({', '.join(sorted(langchain.PROVIDERS))}), my.module:factory, a generator of these"
    raise ConfigurationError(_unknown("rewriter", name, known=("none", *settings.generators), forms=forms))


def reranker(*, settings: Settings) -> Reranker | None:
    """The reranker of the settings: a CrossEncoder by its folder or `organisation/model`, or `my.module:factory`. None
    for `builtin`, where the embedder's own tokens are compared, and for `none`, where nothing is."""
    name = settings.models.reranker
    if name.casefold() in ("builtin", "none"):
        return None
    if _is_folder(name):
        from grounding.models import cross_encoder

        return cross_encoder.from_folder(Path(name), threads=settings.models.threads)
    if _FACTORY.fullmatch(name):
        made = _called(name, seam="reranker", settings=settings)
        return cast(Reranker, _fitting(made, Reranker, seam="reranker", name=name))
    if _HUB_NAME.fullmatch(name):
        from grounding.models import cross_encoder

        return cross_encoder.from_hub(name, threads=settings.models.threads)
    forms = "a folder of a CrossEncoder, organisation/model of the Hugging Face hub, my.module:factory"
    raise ConfigurationError(_unknown("reranker", name, known=("builtin", "none"), forms=forms))


def entity_extractor(*, settings: Settings) -> EntityExtractor:
    """The extractor that serves each language by the model which the settings name for it; other languages by rules."""
    from grounding.models.rules_entities import RuleEntities
    from grounding.models.spacy_entities import SpacyEntities

    rules = RuleEntities()
    names = {language: name for language, name in settings.models.entities.items() if name.casefold() != "builtin"}
    factories = {language: name for language, name in names.items() if _FACTORY.fullmatch(name)}
    pipelines = {language: name for language, name in names.items() if language not in factories}
    spacy = SpacyEntities(pipelines, rules=rules) if pipelines else rules
    if not factories:
        return spacy
    made: dict[str, EntityExtractor] = {}
    for language, name in factories.items():
        extractor = _called(name, seam="entities", settings=settings)
        made[language] = cast(EntityExtractor, _fitting(extractor, EntityExtractor, seam="entities", name=name))
    return _ByLanguage(made, otherwise=spacy)


def safety_checks(*, extractor: EntityExtractor, settings: Settings) -> tuple[SafetyCheck, ...]:
    """All checks, in the order in which they are run; what follows from them is up to the policies. `extractor` is that
    of the settings."""
    from grounding.models.presidio_pii import PresidioPii
    from grounding.safety.injection import InjectionCheck
    from grounding.safety.names import NameFinder
    from grounding.safety.pii import PiiCheck, PiiRules
    from grounding.safety.toxicity import ToxicityCheck

    pipelines = ",".join(f"{language}:{name}" for language, name in sorted(settings.models.entities.items()))
    return (
        InjectionCheck(),
        ToxicityCheck(),
        PiiCheck([PiiRules(), PresidioPii()]),
        PiiCheck([NameFinder(extractor, model=pipelines)], name="names"),
    )


def polisher(*, settings: Settings) -> Polisher | None:
    """The polisher of the settings, None for none. Raises ConfigurationError, MissingDependency."""
    from grounding.models.languagetool import LanguageToolPolisher
    from grounding.polish import RulesPolisher

    name = settings.models.polisher
    if name.casefold() == "none":
        return None
    if name.casefold() == "rules":
        return RulesPolisher()
    kind, _, url = name.partition(":")
    if kind.casefold() == "languagetool" and url.startswith(("http://", "https://")):
        return LanguageToolPolisher(url)
    raise ConfigurationError(f"models.polisher: expected rules, none or languagetool:URL, got {name[:80]!r}")


def spelling(*, settings: Settings) -> SpellingCorrector:
    """The spelling corrector."""
    from grounding.models.spelling import SymSpellCorrector

    return SymSpellCorrector()


def language_detector(*, settings: Settings) -> Callable[[str], str]:
    """A function from a text to its ISO 639-1 code, "und" where nothing can be said."""
    from grounding.models.languages import LanguageDetector

    return LanguageDetector().detect


class _ByLanguage:
    """EntityExtractor that asks the extractor of a text's language."""

    def __init__(self, extractors: Mapping[str, EntityExtractor], *, otherwise: EntityExtractor) -> None:
        self._extractors = extractors
        self._otherwise = otherwise

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        return self._extractors.get(language, self._otherwise).extract(texts, language=language)


def _multilingual_e5(settings: Settings) -> Embedder:
    from grounding.models.multilingual_e5 import MultilingualE5

    return MultilingualE5(folder=settings.models_folder, threads=settings.models.threads)


def _minilm(settings: Settings) -> Embedder:
    from grounding.models import sentence_transformers

    return sentence_transformers.bundled_minilm(threads=settings.models.threads)


def _hashes(settings: Settings) -> Embedder:
    from grounding.models.builtin import HashEmbedder

    return HashEmbedder()


def _extractive(embedder: Embedder) -> Generator:
    from grounding.models.extractive import ExtractiveGenerator

    return ExtractiveGenerator(embedder)


_EMBEDDERS: Mapping[str, Callable[[Settings], Embedder]] = {
    "multilingual-e5-small": _multilingual_e5,
    "all-minilm-l6-v2": _minilm,
    "builtin": _hashes,
}
_GENERATORS: Mapping[str, Callable[[Embedder], Generator]] = {"extractive": _extractive}


def _is_folder(name: str) -> bool:
    try:
        return bool(name) and Path(name).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def _called(name: str, *, seam: str, settings: Settings) -> object:
    """What `my.module:factory` returns for the settings. Raises ConfigurationError that names what is wrong with it."""
    module_name, _, path = name.partition(":")
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:  # a module of the user may raise anything
        raise ConfigurationError(
            f"{seam} {name!r}: the module {module_name!r} cannot be imported ({type(error).__name__}: {error}); "
            f"is it installed, or on PYTHONPATH?"
        ) from error
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            raise ConfigurationError(f"{seam} {name!r}: {module_name!r} has no {path!r}")
        found = getattr(found, attribute)
    if not callable(found):
        raise ConfigurationError(f"{seam} {name!r}: {path!r} is not a function that takes the settings")
    try:
        made: object = found(settings)
    except GroundingError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{seam} {name!r}: calling it raised {type(error).__name__}: {error}") from error
    return made


def _fitting(made: object, protocol: object, *, seam: str, name: str) -> object:
    """`made`, if it has the protocol's members. They are not read: a property may load a model."""
    absent = object()
    members = [member for member in vars(protocol) if not member.startswith("_")]
    missing = [member for member in members if inspect.getattr_static(made, member, absent) is absent]
    if missing:
        raise ConfigurationError(f"{seam} {name!r} returned a {type(made).__name__} without {', '.join(missing)}")
    return made


def _unknown(seam: str, name: str, *, known: Iterable[str], forms: str) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name.casefold(), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {seam} {name!r}{hint} Known: {', '.join(names)}; or {forms}"
