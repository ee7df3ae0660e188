"""Generators and routes of the settings, by name: what a caller may ask for, and what answers then."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.compose import Models, Service, build
from grounding import settings as configuration
from grounding.errors import ConfigurationError, GeneratorFailed, InvalidRequest, ModelError
from grounding.settings import Settings
from grounding.stopping import Stop
from grounding.values import Chunk, ModelCall, Prompt, Question, Usage
from tests.api.conftest import settings_of, write_documents

PROMPT = Prompt("", (), (), Question("q", "q", "q", "en"), "answer-2", "0", tokens=10)
QUESTION = "What does ERR-4012 mean?"


class Overloaded:
    name = "overloaded"

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        yield from ()
        raise GeneratorFailed("the provider failed", reason="http_503", passing=True)


class Good:
    name = "good"

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        yield Chunk("ERR-4012 means that the sensor lost its supply voltage [1].")
        yield Chunk("", Usage(300, 12))


def overloaded(settings: Settings) -> Overloaded:
    return Overloaded()


def good(settings: Settings) -> Good:
    return Good()


class Slow(Good):
    """It has to be set up."""

    def __init__(self, error: Exception | None = None) -> None:
        self.loads = 0
        self._error = error

    def load(self) -> None:
        self.loads += 1
        if self._error:
            raise self._error


def slow(settings: Settings) -> Slow:
    return Slow()


def broken(settings: Settings) -> Slow:
    return Slow(ModelError("the file is damaged"))


def odd(settings: Settings) -> Slow:
    return Slow(OSError("a secret"))


GENERATORS = {
    "fast": {"model": f"{__name__}:overloaded", "retries": 0},
    "big": {"model": f"{__name__}:good", "input_price": 2, "output_price": 10},
    "keyless": {"model": "openai:gpt-x", "api_key_variable": "NO_SUCH_KEY"},
}
ROUTES = {
    "chat": ("fast", "keyless", "big"),
    "cheap": ("fast", "extractive"),
    "lonely": ("keyless",),
}


def made(home: Path, *, generator: str = "chat", **sections: object) -> Settings:
    models = configuration.Models(embedder="builtin", entities={"en": "builtin", "ja": "builtin"}, generator=generator)
    return settings_of(home, **{"models": models, "generators": GENERATORS, "routes": ROUTES, **sections})


def asked(models: Models, name: str) -> tuple[str, list[ModelCall]]:
    calls: list[ModelCall] = []
    chunks = models.route(name).stream(PROMPT, stop=Stop(), shown=lambda: False, called=calls.append)
    return "".join(chunk.text for chunk in chunks), calls


def test_a_route_of_the_settings_answers_and_its_calls_have_names_and_prices(tmp_path: Path) -> None:
    with build(made(tmp_path / "home")) as service:
        service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
        client = TestClient(create_app(service, hosts=("testserver",)))
        response = client.post("/v1/chat", json={"message": QUESTION, "collection": "handbook"})
        assert response.status_code == 200, response.text
        said = response.json()
        assert said["outcome"] == "answered"
        assert said["generator"] == "big"
        assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (300, 12)
        assert said["usage"]["cost_usd"] == pytest.approx((300 * 2 + 12 * 10) / 1e6)
        exchange = service.store.exchanges.get(said["trace_id"])
        assert [(call.generator, call.model, call.outcome) for call in exchange.calls] == [
            ("fast", f"{__name__}:overloaded", "http_503"),
            ("big", f"{__name__}:good", "ok"),
        ]


def test_the_built_in_generator_is_the_last_resort(tmp_path: Path) -> None:
    with build(made(tmp_path / "home")) as service:
        service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
        client = TestClient(create_app(service, hosts=("testserver",)))
        body = {"message": QUESTION, "collection": "handbook", "generator": "cheap"}
        said = client.post("/v1/chat", json=body).json()
        assert (said["outcome"], said["generator"]) == ("answered", "extractive")
        assert "supply voltage" in said["answer"]


def test_all_routes_of_a_process_share_what_is_known_of_a_generator(tmp_path: Path) -> None:
    models = Models(made(tmp_path, routing={"breaker_failures": 2}))
    assert models.route("chat") is models.route("chat")
    assert asked(models, "chat")[1][0].outcome == "http_503"
    with pytest.raises(GeneratorFailed, match="the provider failed"):
        asked(models, "fast")
    with pytest.raises(GeneratorFailed, match="left alone"):
        asked(models, "fast")
    text, calls = asked(models, "chat")
    assert text.endswith("[1].")
    assert [call.generator for call in calls] == ["big"]


def test_one_that_cannot_be_made_is_passed_over_and_named_once_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    models = Models(made(tmp_path, routing={"breaker_failures": 100}))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert asked(models, "chat")[0].endswith("[1].")
    assert sum("NO_SUCH_KEY" in record.message for record in caplog.records) == 1


def test_warming_up_sets_up_what_the_default_needs_and_goes_on_where_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    generators = {**GENERATORS, **{name: {"model": f"{__name__}:{name}"} for name in ("slow", "broken", "odd")}}
    routes = {"chat": ("fast", "keyless", "broken", "odd", "slow")}
    with build(made(tmp_path / "home", generators=generators, routes=routes)) as service:
        with caplog.at_level(logging.WARNING):
            service.warm_up()
        assert not service.missing()
        one = service.models.generator("slow")
        assert isinstance(one, Slow)
        assert one.loads == 1
        assert sum("NO_SUCH_KEY" in record.message for record in caplog.records) == 1
        assert sum("the file is damaged" in record.message for record in caplog.records) == 1
        assert "OSError" in caplog.text
        assert "a secret" not in caplog.text


@pytest.mark.parametrize("name", ["keyless", "lonely"])
def test_asked_for_alone_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="NO_SUCH_KEY"):
        Models(made(tmp_path)).route(name)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"routes": {"chat": ("fats",)}}, r"routes\.chat: unknown generator 'fats'; did you mean 'fast'\?"),
        ({"routes": {"chat": ("zzz",)}}, r"routes\.chat: unknown generator 'zzz'; known are extractive, fast, big"),
        ({"generator": "chta"}, r"models\.generator: unknown generator 'chta'; did you mean 'chat'\?"),
    ],
)
def test_a_name_that_stands_for_nothing_is_found_before_anybody_asks(
    tmp_path: Path, sections: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Models(made(tmp_path, **sections))  # type: ignore[arg-type]


def test_so_is_one_that_somebody_asks_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^unknown generator 'chaet'; did you mean 'chat'\?$"):
        Models(made(tmp_path)).route("chaet")


def test_callers_over_the_network_may_ask_for_what_is_configured_and_nothing_else(tmp_path: Path) -> None:
    with build(made(tmp_path / "home", generator="my.module:factory")) as service:
        names = ["extractive", "fast", "big", "keyless", "chat", "cheap", "lonely", "my.module:factory"]
        assert service.models.offered() == names
        for name in (*names, "Extractive"):
            service.require_offered(name)
        for name in ("openai:gpt-x", "local:/etc/passwd", "other.module:factory", ""):
            with pytest.raises(InvalidRequest, match="not offered"):
                service.require_offered(name)
        with pytest.raises(InvalidRequest, match="did you mean 'cheap'"):
            service.require_offered("cheep")


def test_without_generators_in_the_settings_any_provider_may_be_named(service: Service) -> None:
    service.require_offered("openai:gpt-x")
    for name in ("local:/etc/passwd", "os:system", "openai:", "chat"):
        with pytest.raises(InvalidRequest, match="not offered"):
            service.require_offered(name)


def test_the_page_for_operators_shows_settings_that_hold(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "grounding.toml").write_text(example, "utf-8")
    settings = configuration.load({"GROUNDING_HOME": str(tmp_path), "GROUNDING_MODELS__EMBEDDER": "builtin"})
    models = Models(settings)
    assert models.offered() == ["extractive", "fast", "second", "house", "chat", "cheap"]
    assert models.route(settings.models.generator).name == "chat"
    for name, default in re.findall(r"^\| `(\w+_seconds)` \| .* \| (\d+) \|$", page, re.MULTILINE):
        assert configuration.GeneratorSettings.model_fields[name].default == int(default)
    assert configuration.Routing().breaker_failures == 5
    assert configuration.Routing().breaker_seconds == 30
