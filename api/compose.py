"""The one composition root: settings -> a running service. Nothing else builds parts or reads settings.

Building loads no model: each part loads at its first use, or all of them by `Service.warm_up`.
"""

from __future__ import annotations

import difflib
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from api.metrics import Counted, Metrics
from grounding import plugins, retrieve, support
from grounding.breaker import Breaker
from grounding.calling import Member
from grounding.errors import ConfigurationError, GroundingError, InvalidRequest, ModelError, NotFound
from grounding.evaluation.measure import Unrecorded
from grounding.models.batching import QueryCache, shared
from grounding.models.remembering import RememberingExtractor
from grounding.pipeline import Grounder
from grounding.ports import Embedder, Generator, QuestionRewriter, Recorder, Route, SafetyCheck
from grounding.routing import Alone, Failover
from grounding.safety.policy import Policy, Vault, policy, redact, worst
from grounding.safety.screen import Forgetful, Screen
from grounding.settings import GeneratorSettings, Settings
from grounding.tracing import Trace
from grounding.values import Action, Fingerprint, Origin, Verdict
from ingest import job, reembed
from ingest.reembed import ReembedReport
from ingest.report import Progress, Report
from ingest.spool import Spool
from store.open import Store, open_store

logger = logging.getLogger(__name__)

_SAMPLE = "When does it open?"
_EXTRACTIVE = "extractive"


@runtime_checkable
class _Loadable(Protocol):
    """What a generator or a rewriter has beside, if its first call would have to wait for it to be set up."""

    def load(self) -> None: ...


class Models:
    """The models of one process, each made at its first use and kept. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError for settings that name what there is not."""
        _require_known_generators(settings)
        self._settings = settings
        self._lock = threading.Lock()
        self._embedders: dict[str, Embedder] = {}
        self._queries = QueryCache(settings.models.query_cache)
        self._generators: dict[str, Generator] = {}
        self._members: dict[str, Member] = {}
        self._routes: dict[str, Route] = {}
        self._unmade: set[str] = set()
        self.extractor = plugins.entity_extractor(settings=settings)
        self.asked = RememberingExtractor(self.extractor)
        self.checks = plugins.safety_checks(extractor=self.asked, settings=settings)
        self.spelling = plugins.spelling(settings=settings)
        self.language_of = plugins.language_detector(settings=settings)
        self.rewriter = plugins.question_rewriter(settings=settings)
        self.reranker = plugins.reranker(settings=settings)
        self.polisher = plugins.polisher(settings=settings)

    def embedder(self, fingerprint: Fingerprint | None = None) -> Embedder:
        """The embedder whose vectors have this fingerprint, by default that of the settings.

        Raises ConfigurationError if the model of that name makes other vectors now.
        """
        chosen = self._embedder(self._settings.models.embedder)
        if fingerprint is None or chosen.fingerprint == fingerprint:
            return chosen
        other = self._embedder(fingerprint.name)
        if other.fingerprint != fingerprint:
            raise ConfigurationError(
                f"the collection holds vectors of {fingerprint}, and the model {fingerprint.name!r} makes vectors of "
                f"{other.fingerprint}: install the version it was ingested with, or ingest into a new collection"
            )
        return other

    def embedder_named(self, name: str) -> Embedder:
        """The embedder of a name, where every process will find it by the fingerprint of its vectors, too.

        Raises ConfigurationError, MissingDependency.
        """
        fingerprint = self._embedder(name).fingerprint
        try:
            return self.embedder(fingerprint)
        except ConfigurationError as error:
            if fingerprint.name == name:
                raise
            raise ConfigurationError(
                f"embedder {name!r}: the name in its fingerprint is {fingerprint.name!r}, by which queries would not "
                f"find it: make that {name!r}, or set models.embedder to it"
            ) from error

    def generator(self, name: str) -> Generator:
        """The generator of this name. Raises ConfigurationError, MissingDependency."""
        embedder = self.embedder()
        with self._lock:
            if name not in self._generators:
                self._generators[name] = plugins.generator(
                    name, settings=self._settings, embedder=embedder, options=self._options(name)
                )
            return self._generators[name]

    def route(self, name: str) -> Route:
        """The way to an answer by this name: of a route or a generator of the settings, `extractive`, or what else
        `plugins.generator` knows. Raises as `generator`, but not for one of several."""
        _require_known(name, self.offered())
        generators = self._settings.routes.get(name, (name,))
        alone = self.generator(generators[0]) if len(generators) == 1 else None
        count_tokens = self.embedder().count_tokens
        with self._lock:
            if name not in self._routes:
                if alone is not None and generators[0].casefold() == _EXTRACTIVE:
                    self._routes[name] = Alone(alone)
                else:
                    members = [self._member(generator) for generator in generators]
                    self._routes[name] = Failover(name, members, count_tokens=count_tokens)
            return self._routes[name]

    def load_generators(self) -> None:
        """Sets up the generators of the default route and the rewriter, or the first question would have to wait for
        it, within the deadline of its first token. What cannot be set up is logged."""
        default = self._settings.models.generator
        for name in self._settings.routes.get(default, (default,)):
            try:
                _load(self._one_of_several(name))
            except GroundingError as error:
                self._unmade_is_logged(name, error)
        try:
            _load(self.rewriter)
        except GroundingError as error:
            logger.warning("%s", error)

    def offered(self) -> list[str]:
        """The names of generators and routes by which callers over the network may ask, the built-in one first."""
        settings = self._settings
        names = (_EXTRACTIVE, *settings.generators, *settings.routes, settings.models.generator)
        return list(dict.fromkeys(names))

    def _member(self, name: str) -> Member:
        """What all routes share of a generator; the lock is held."""
        if name not in self._members:
            routing = self._settings.routing
            self._members[name] = Member(
                name,
                settings=self._options(name),
                make=partial(self._one_of_several, name),
                breaker=Breaker(failures=routing.breaker_failures, seconds=routing.breaker_seconds),
            )
        return self._members[name]

    def _options(self, name: str) -> GeneratorSettings:
        return self._settings.generators.get(name) or GeneratorSettings(model=name)

    def _one_of_several(self, name: str) -> Generator:
        """As `generator`; what is wrong with it is logged, for others may answer in its place."""
        try:
            return self.generator(name)
        except GroundingError as error:
            self._unmade_is_logged(name, error)
            raise

    def _unmade_is_logged(self, name: str, error: GroundingError) -> None:
        """Once for each generator, not at each question."""
        if name not in self._unmade:
            self._unmade.add(name)
            logger.warning("%s", error)

    def _embedder(self, name: str) -> Embedder:
        with self._lock:
            if name not in self._embedders:
                embedder = plugins.embedder(name, settings=self._settings)
                self._embedders[name] = shared(embedder, cache=self._queries)
            return self._embedders[name]


class Readiness:
    """What a service still lacks, by name, with the reason. Thread-safe."""

    def __init__(self) -> None:
        self._lacking: dict[str, str] = {"models": "not loaded yet"}
        self._lock = threading.Lock()

    def expect(self, names: Sequence[str]) -> None:
        """From now on exactly these are lacking: they are being loaded."""
        with self._lock:
            self._lacking = dict.fromkeys(names, "loading")

    def there(self, name: str) -> None:
        """One more is loaded."""
        with self._lock:
            self._lacking.pop(name, None)

    def failed(self, name: str, reason: str) -> None:
        """One could not be loaded."""
        with self._lock:
            self._lacking[name] = reason

    def missing(self) -> list[str]:
        """A line for each that is lacking; empty when all is there."""
        with self._lock:
            return [f"{name}: {reason}" for name, reason in self._lacking.items()]


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: the parts, and what is done with several of them at once."""

    settings: Settings
    store: Store
    models: Models
    grounder: Grounder
    readiness: Readiness
    metrics: Metrics

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the store."""
        self.store.close()

    def ingest(
        self,
        sources: Sequence[str],
        *,
        collection: str,
        prune: bool = False,
        dry_run: bool = False,
        workers: int = 1,
        wait: bool = True,
        waiting: Callable[[str], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Ingests sources into a collection, with the embedder of the vectors it holds."""
        run = partial(
            job.run,
            sources,
            collection=collection,
            store=self.store,
            extractor=self.models.extractor,
            language_of=self.models.language_of,
            settings=self.settings,
            firewall=self._firewall(collection),
            prune=prune,
            dry_run=dry_run,
            workers=workers,
            wait=wait,
            waiting=waiting,
            progress=progress,
        )
        fingerprint = self._fingerprint(collection)
        try:
            return run(embedder=self.models.embedder(fingerprint))
        except ConfigurationError:
            now = self._fingerprint(collection)
            if now == fingerprint:
                raise
            return run(embedder=self.models.embedder(now))  # it changed while this waited to write

    def ingest_upload(
        self,
        spool: Spool,
        names: Sequence[str],
        *,
        job_id: str,
        collection: str,
        progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Ingests an upload, for which a job waits."""
        return job.run_upload(
            spool,
            names,
            job_id=job_id,
            collection=collection,
            store=self.store,
            embedder=self.models.embedder(self._fingerprint(collection)),
            extractor=self.models.extractor,
            language_of=self.models.language_of,
            settings=self.settings,
            firewall=self._firewall(collection),
            progress=progress,
        )

    def reembed(
        self,
        collection: str,
        *,
        embedder: str,
        switch: bool = True,
        min_overlap: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> ReembedReport:
        """Brings a collection to the vectors of another embedder, as `reembed.run`."""
        return reembed.run(
            collection,
            store=self.store,
            embedder=self.models.embedder_named(embedder),
            embedder_of=self.models.embedder,
            switch=switch,
            min_overlap=min_overlap,
            progress=progress,
            note=note,
        )

    def _firewall(self, collection: str) -> SafetyCheck | None:
        """The check that passages of this collection go through when they are ingested, unless it is off."""
        if policy(self.settings.safety, collection=collection, key="").injection == "off":
            return None
        return next(check for check in self.models.checks if check.name == "injection")

    def unrecorded(self) -> Grounder:
        """A grounder that leaves no trace of what it is asked."""
        return _grounder(self.settings, self.store, self.models, recorder=Unrecorded())

    def without_private_values(self, text: str, *, collection: str, key: str) -> str:
        """The text with placeholders for what the checks find private in it, as in a question by this key."""
        rules = policy(self.settings.safety, collection=collection, key=key)
        screen, language = Screen(self.models.checks, Forgetful()), self.models.language_of(text)
        verdicts = screen.judge(text, part="history", origin="history", language=language, policy=rules)
        return redact(text, verdicts, Vault())

    def require_offered(self, generator: str) -> None:
        """Raises InvalidRequest for a generator that callers over the network may not choose: a name that imports a
        module is for the settings alone, and any model of a provider is offered only as long as none is configured."""
        offered = self.models.offered()
        if generator in offered or generator.casefold() == _EXTRACTIVE:
            return
        if not self.settings.generators and plugins.is_known_generator(generator):
            return
        hint = _nearest(generator, offered) or "leave it out for the default"
        raise InvalidRequest(f"generator: {generator[:60]!r} is not offered; {hint}")

    def warm_up(self) -> None:
        """Loads models and indexes; what cannot be loaded is kept as the reason for not being ready."""
        parts = dict(self._parts())
        self.readiness.expect(list(parts))
        for name, load in parts.items():
            try:
                load()
            except GroundingError as error:
                logger.error("%s: %s", name, error)
                self.readiness.failed(name, str(error))
            else:
                self.readiness.there(name)

    def missing(self) -> list[str]:
        """What the service lacks to be ready, a line each."""
        ready, reason = self.store.ready()
        return self.readiness.missing() + ([] if ready else [f"store: {reason}"])

    def _parts(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield f"embedder {self.settings.models.embedder}", self._load_embedder
        yield "entities", self._load_extractor
        yield "safety checks", self._load_checks
        yield "spelling", self._load_spelling
        if self.models.reranker is not None:
            yield f"reranker {self.settings.models.reranker}", self._load_reranker
        for info in self.store.collections.list():
            yield f"collection {info.name}", partial(self._load_collection, info.name)
        yield "generators", self.models.load_generators

    def _load_embedder(self) -> None:
        self.models.embedder().embed_queries([_SAMPLE])

    def _load_extractor(self) -> None:
        for language in self.settings.models.entities:
            self.models.extractor.extract([_SAMPLE], language=language)

    def _load_checks(self) -> None:
        for check in self.models.checks:
            for origin in check.origins:
                check.find(_SAMPLE, origin=origin, language="en")

    def _load_spelling(self) -> None:
        language = self.models.language_of(_SAMPLE)
        self.models.spelling.correct(_SAMPLE, language=language, known=lambda _: False, near=lambda _: ())

    def _load_reranker(self) -> None:
        if self.models.reranker is not None:
            self.models.reranker.scores(_SAMPLE, [_SAMPLE])

    def _load_collection(self, name: str) -> None:
        corpus = self.store.corpus(name)
        corpus.lexical(_SAMPLE, 1)
        retrieve.dense([_SAMPLE], 1, corpus=corpus, embedder=self.models.embedder, trace=Trace())

    def _fingerprint(self, collection: str) -> Fingerprint | None:
        """Of the vectors in a collection; None for one that is new or empty."""
        try:
            return self.store.collections.get(collection).fingerprint
        except NotFound:
            return None


def build(settings: Settings) -> Service:
    """The service of these settings. Opens the store, loads no model. Raises ConfigurationError, StoreError."""
    store = open_store(
        home=settings.home,
        database_url=database_url(settings),
        storage=settings.storage,
        vault_key=settings.vault_key.get_secret_value() if settings.vault_key else None,
    )
    models, metrics = Models(settings), Metrics(store)
    return Service(
        settings=settings,
        store=store,
        models=models,
        grounder=_grounder(settings, store, models, recorder=Counted(store.exchanges, metrics)),
        readiness=Readiness(),
        metrics=metrics,
    )


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks by themselves, under one policy and without a store."""

    screen: Screen
    policy: Policy
    language_of: Callable[[str], str]

    def judge(self, text: str, origin: Origin) -> Sequence[Verdict]:
        """The verdicts on a text of this origin."""
        language = self.language_of(text)
        return self.screen.judge(text, part=origin, origin=origin, language=language, policy=self.policy)

    def worst(self, verdicts: Sequence[Verdict]) -> Action:
        """The most severe action among them."""
        return worst(verdicts)

    def redacted(self, text: str, verdicts: Sequence[Verdict]) -> str:
        """The text with placeholders for what is redacted, and without what is cut out."""
        return redact(text, verdicts, Vault())

    def supported(self, text: str, source: str) -> float:
        """How much of an answer a source carries, 0 to 1."""
        return support.response(text, [support.Source(source)], language=self.language_of(text))


def checks(settings: Settings, *, collection: str, key: str) -> Checks:
    """The checks as they would act on a question to this collection by the key of this name."""
    found = plugins.safety_checks(extractor=plugins.entity_extractor(settings=settings), settings=settings)
    return Checks(
        Screen(found, Forgetful()),
        policy(settings.safety, collection=collection, key=key),
        plugins.language_detector(settings=settings),
    )


def database_url(settings: Settings) -> str | None:
    """The URL of the database, None for the embedded one."""
    return settings.database_url.get_secret_value() if settings.database_url else None


def configure_logging(settings: Settings) -> None:
    """Logs to stderr at the level of the settings. Libraries never below warnings: some log what users wrote."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("api", "grounding", "ingest", "store"):
        logging.getLogger(name).setLevel(settings.log_level.upper())


def _load(part: Generator | QuestionRewriter | None) -> None:
    """Sets it up, if that is anything to do. Raises GroundingError."""
    if part is None or not isinstance(part, _Loadable):
        return
    try:
        part.load()
    except GroundingError:
        raise
    except Exception as error:  # what a user's own part raises may be anything
        raise ModelError(f"{part.name!r} cannot be set up ({type(error).__name__})") from error


def _require_known_generators(settings: Settings) -> None:
    """Raises ConfigurationError for a name in a route, or of the default, that stands for nothing."""
    generators = (_EXTRACTIVE, *settings.generators)
    for route, names in settings.routes.items():
        for name in names:
            _require_known(name, generators, setting=f"routes.{route}: ")
    _require_known(settings.models.generator, (*generators, *settings.routes), setting="models.generator: ")


def _require_known(name: str, known: Sequence[str], *, setting: str = "") -> None:
    """Raises ConfigurationError for a name that is none of these, nor `provider:model` or the like."""
    if name not in known and name.casefold() != _EXTRACTIVE and ":" not in name:
        hint = _nearest(name, known) or f"known are {', '.join(known)}, and provider:model"
        raise ConfigurationError(f"{setting}unknown generator {name[:60]!r}; {hint}")


def _nearest(name: str, known: Sequence[str]) -> str:
    """A hint at the name that may have been meant, or nothing."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _grounder(settings: Settings, store: Store, models: Models, *, recorder: Recorder) -> Grounder:
    return Grounder(
        settings=settings,
        corpora=store.corpus,
        conversations=store.conversations,
        recorder=recorder,
        embedder=models.embedder,
        extractor=models.asked,
        checks=models.checks,
        judgements=store.judgements,
        spelling=models.spelling,
        language_of=models.language_of,
        route=models.route,
        prompts=store.prompts,
        rewriter=models.rewriter,
        reranker=models.reranker,
        polisher=models.polisher,
        answers=None if isinstance(recorder, Unrecorded) else store.answers,
    )
