"""The storm of providers: questions over HTTP to a service whose providers fail at random, each answer checked whole.

`python -m tests.faults.providers 1000 [--seed N]` prints what each fault came to; it ends with 1 if anything was wrong.
Every question ends in a whole answer of one generator or in a clean error, within the deadlines of the settings, and
the ledger holds each call that the providers saw, with the tokens that they reported.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import math
import os
import random
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import httpx2
from rich.console import Console
from rich.table import Table

from api.compose import build
from grounding.settings import GeneratorSettings, Models, Settings
from tests.api.serving import serving
from tests.providers import server as providers
from tests.providers.server import GOSSIP, Asked, FakeProviders, Fault, Script

Door = Literal["chat", "openai"]
COLLECTION = "storm"
MODELS = {"one": "openai:one", "two": "anthropic:two", "three": "google_genai:three"}
LAST_RESORT = "extractive"
ABSENT = "absent"
"""A generator whose address refuses every connection."""
PRICES = {"one": (1.0, 4.0), "two": (3.0, 15.0), "three": (0.5, 2.0), ABSENT: (1.0, 1.0)}
"""USD for a million tokens of prompts and of answers."""
FIRST_SECONDS, BETWEEN_SECONDS, TOTAL_SECONDS = 0.8, 0.6, 2.0
MARGIN_SECONDS = 5.0
"""For all that is no waiting for a provider: retrieval, checks, and other work of the machine."""
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")
_RUN = re.compile(r"run (\d+)")
_MARKER = re.compile(r"\[\d+\]")

RULES = """\
The blue gate opens at seven. Visitors of the blue gate sign a yellow book. The blue gate closes at noon on Fridays. \
Keys to the blue gate hang in the lodge. Nobody parks before the blue gate. The blue gate was painted in March. \
A camera watches the blue gate at night. The blue gate has two wings of oak."""


@dataclass(frozen=True, slots=True)
class Run:
    """One question: by which route and door, and how each provider answers, attempt by attempt."""

    number: int
    route: str
    members: tuple[str, ...]
    door: Door
    streamed: bool
    scripts: Mapping[str, tuple[Script, ...]]

    @property
    def question(self) -> str:
        asked = "Do all visitors of the blue gate sign a yellow book? Blue gate, visitors, yellow book"
        return f"{asked} (run {self.number})"

    @property
    def deadline_seconds(self) -> float:
        return TOTAL_SECONDS * len(self.members) + MARGIN_SECONDS


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client got. `deltas` as they were streamed, `answer` as the last event or the body has it."""

    seconds: float
    status: int
    deltas: str
    answer: Mapping[str, Any] | None
    error: str | None
    raw: str


@dataclass(frozen=True, slots=True)
class Row:
    """A call as it is in the ledger."""

    generator: str
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reported: bool
    cost_usd: float | None


@dataclass(slots=True)
class Toll:
    """What a storm came to: how often each fault ended in which outcome of its call, and in which ends its runs.
    `unsent` are calls that timed out before a provider saw them."""

    seed: int
    runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    unsent: int = 0
    longest: float = 0.0
    wrong: list[str] = field(default_factory=list)


def settings_of(home: Path, fakes: FakeProviders, *, refusing: str) -> Settings:
    """Three providers with short deadlines, one that nobody can reach, and a route for each order of some of them."""
    options: dict[str, object] = {
        "connect_seconds": 1.0,
        "first_token_seconds": FIRST_SECONDS,
        "between_tokens_seconds": BETWEEN_SECONDS,
        "total_seconds": TOTAL_SECONDS,
    }
    generators = {
        name: GeneratorSettings.model_validate(
            {
                "model": model,
                "base_url": {"one": fakes.openai_url, ABSENT: refusing}.get(name, fakes.url),
                "input_price": PRICES[name][0],
                "output_price": PRICES[name][1],
                **options,
            }
        )
        for name, model in {**MODELS, ABSENT: MODELS["one"]}.items()
    }
    return Settings.model_validate(
        {
            "home": home,
            "models": Models(embedder="builtin", entities={"en": "builtin", "ja": "builtin"}),
            "generators": generators,
            "routes": {"-".join(members): members for members in _orders()},
            "routing": {"breaker_failures": 8, "breaker_seconds": 0.5},
        }
    )


def _orders() -> Iterator[tuple[str, ...]]:
    for count in (2, 3):
        for members in itertools.permutations(MODELS, count):
            yield members
            yield (*members, LAST_RESORT)
            yield (ABSENT, *members)


def plan(runs: int, *, seed: int) -> list[Run]:
    """Runs with random routes, doors and faults."""
    chance = random.Random(seed)
    orders = [*_orders()]
    found = []
    for number in range(1000, 1000 + runs):
        members = chance.choice(orders)
        scripts = {
            name: tuple(_script(chance, at) for _ in range(2))  # one attempt, and another
            for at, name in enumerate(MODELS)
        }
        door: Door = chance.choice(get_args(Door))
        found.append(Run(number, "-".join(members), members, door, chance.random() < 0.6, scripts))
    return found


def _script(chance: random.Random, at: int) -> Script:
    """How a provider answers. Each quotes sentences of its own, by which its text is told from that of others."""
    fault: Fault | None = chance.choice(get_args(Fault)) if chance.random() < 0.75 else None
    between = 0.02 if fault == "drip" else chance.choice((0.0, 0.0, 0.005))
    return Script(
        sentences=(2 * at, 2 * at + 1),
        fault=fault,
        after=chance.choice((0, 1, 3, 10, 13)),
        between_seconds=between,
        retry_after=chance.choice((None, None, "0", "0.1", "30")),
        cached_tokens=chance.choice((0, 5)),
        thinking=chance.choice(("", "", "Let me see.")),
    )


class Storm:
    """Asks the questions of a plan, several at once, and notes what was wrong."""

    def __init__(self, runs: Sequence[Run], *, seed: int, at_once: int) -> None:
        self.toll = Toll(seed)
        self._runs = {run.number: run for run in runs}
        self._at_once = at_once
        self._attempts: Counter[tuple[int, str]] = Counter()

    def rage(self, folder: Path) -> Toll:
        """All runs, and what was wrong with them."""
        with keys(), providers.unreachable() as refusing, providers.serving(chosen=self._chosen) as fakes:
            settings = settings_of(folder / "home", fakes, refusing=refusing)
            (folder / "gates.md").write_text(f"# Gates\n\n{RULES}\n", "utf-8")
            with build(settings) as service:
                service.ingest([str(folder / "gates.md")], collection=COLLECTION)
                with serving(service) as served:
                    _warm_up(served.url)
                    heard = self._ask_all(served.url)
                self._await_abandoned()
            self._check(heard, fakes.requests, _ledger(settings.home))
        return self.toll

    def _await_abandoned(self) -> None:
        """Calls that were given up end by themselves, also where the provider never does."""
        until = time.monotonic() + TOTAL_SECONDS + MARGIN_SECONDS
        for thread in threading.enumerate():
            if thread.name == "generator":
                thread.join(max(0.0, until - time.monotonic()))
                self.toll.wrong += ["a call that was given up goes on"] if thread.is_alive() else []

    def _chosen(self, model: str, text: str) -> Script | None:
        if (found := _RUN.search(text)) is None or (number := int(found[1])) not in self._runs:
            return None
        attempt = self._attempts[number, model]
        self._attempts[number, model] += 1
        scripts = self._runs[number].scripts[model]
        return scripts[attempt % len(scripts)]

    def _ask_all(self, url: str) -> dict[int, Heard]:
        todo = iter(self._runs.values())
        lock = threading.Lock()
        heard: dict[int, Heard] = {}

        def work() -> None:
            with httpx2.Client(base_url=url, timeout=60) as client:
                while True:
                    with lock:
                        run = next(todo, None)
                    if run is None:
                        return
                    heard[run.number] = ask(client, run)

        threads = [threading.Thread(target=work) for _ in range(self._at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return heard

    def _check(self, heard: Mapping[int, Heard], requests: Sequence[Asked], ledger: Mapping[int, list[Row]]) -> None:
        seen: dict[int, list[Asked]] = {}
        for asked in requests:
            found = _RUN.search(json.dumps(asked.body))
            if found is None:
                self.toll.wrong.append("a provider was sent a prompt without its question")
            else:
                seen.setdefault(int(found[1]), []).append(asked)
        for run in self._runs.values():
            if run.number not in heard:
                self.toll.wrong.append(f"run {run.number}: its client failed")
                continue
            said, calls, rows = heard[run.number], seen.get(run.number, []), ledger.get(run.number, [])
            wrong = [*wrong_end(run, said, calls), *wrong_ledger(said, calls, rows)]
            asked_for = f"{run.door}{', streamed' if run.streamed else ''}, {run.route}"
            faults = ", ".join(f"{asked.model} {asked.script.fault}" for asked in calls)
            self.toll.wrong += [f"run {run.number} ({asked_for}; {faults}): {each}" for each in wrong]
            self.toll.runs[_end(said)] += 1
            self.toll.unsent += sum(len(_billed(rows, name)) for name in MODELS) - len(calls)
            self.toll.longest = max(self.toll.longest, said.seconds)
            for row, asked in _paired(rows, calls):
                self.toll.faults[asked.script.fault or "none", row.outcome] += 1


def _warm_up(url: str) -> None:
    """Asks each provider until it answers: what its client loads at first is no part of a deadline."""
    with httpx2.Client(base_url=url, timeout=60) as client:
        for name, door in itertools.product(MODELS, get_args(Door)):
            run = Run(0, name, (name,), door, False, {})
            assert any(ask(client, run).answer is not None for _ in range(20))


def ask(client: httpx2.Client, run: Run) -> Heard:
    """Asks the question of a run over its door."""
    if run.door == "chat":
        path = "/v1/chat"
        body: dict[str, object] = {"message": run.question, "collection": COLLECTION, "generator": run.route}
    else:
        path = "/v1/chat/completions"
        messages = [{"role": "user", "content": run.question}]
        body = {"model": f"{run.route}@{COLLECTION}", "messages": messages}
    began = time.perf_counter()
    response = client.post(path, json={**body, "stream": run.streamed})
    seconds = time.perf_counter() - began
    read = _streamed if response.headers["content-type"].startswith("text/event-stream") else _whole
    deltas, answer, error = read(run.door, response)
    return Heard(seconds, response.status_code, deltas, answer, error, response.text)


def _whole(door: Door, response: httpx2.Response) -> tuple[str, Mapping[str, Any] | None, str | None]:
    body = response.json()
    if response.status_code != 200:
        return "", None, str(body["code"] if door == "chat" else body["error"]["code"])
    if door == "chat":
        return str(body["answer"]), body, None
    message = body["choices"][0]["message"]
    return message["content"], {**message["context"], "answer": message["content"], "usage": body["usage"]}, None


def _streamed(door: Door, response: httpx2.Response) -> tuple[str, Mapping[str, Any] | None, str | None]:
    deltas, answer, error = "", None, None
    for name, data in _events(response.text):
        if door == "chat":
            match name:
                case "delta":
                    deltas += data["text"]
                case "done":
                    answer = data
                case "error":
                    error = str(data["code"])
        elif "error" in data:
            error = str(data["error"]["code"])
        elif data["choices"]:
            delta = data["choices"][0]["delta"]
            deltas += delta.get("content") or ""
            if "context" in delta:
                answer = {**delta["context"], "answer": deltas}
    return deltas, answer, error


def _events(text: str) -> Iterator[tuple[str, Any]]:
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if not line.startswith(":")]
        fields = {name: value for name, _, value in lines if name}
        if fields and fields["data"] != "[DONE]":
            yield fields.get("event", ""), json.loads(fields["data"])


def wrong_end(run: Run, said: Heard, calls: Sequence[Asked]) -> Iterator[str]:
    """What is wrong with how the client was answered."""
    if said.seconds > run.deadline_seconds:
        yield f"took {said.seconds:.1f} s"
    if GOSSIP in said.raw:
        yield "shows the provider's own message"
    if said.error is not None:
        yield from _wrong_error(run, said, calls)
    elif said.answer is None:
        yield f"no answer and no error: {said.status} {said.raw[-200:]!r}"
    else:
        yield from _wrong_answer(said, said.answer, calls)


def _wrong_error(run: Run, said: Heard, calls: Sequence[Asked]) -> Iterator[str]:
    if said.answer is not None:
        yield "an answer and an error"
    if said.status == 200 and not run.streamed:
        yield "an error with status 200"
    if LAST_RESORT in run.members and not said.deltas:
        yield f"failed ({said.error}), and had a last resort"
    if said.deltas and not any(_plain(_text(asked)).startswith(_plain(said.deltas)) for asked in calls):
        yield f"showed what no provider said: {said.deltas!r}"


def _wrong_answer(said: Heard, answer: Mapping[str, Any], calls: Sequence[Asked]) -> Iterator[str]:
    text, generator, outcome = answer["answer"], answer["generator"], answer["outcome"]
    if said.deltas.strip() != text.strip():
        yield f"streamed {said.deltas!r}, answered {text!r}"
    if outcome == "abstained" and calls and calls[-1].script.fault == "empty" and calls[-1].model == generator:
        return
    if outcome != "answered" or not (answer.get("citations") or "[1]" in text):
        yield f"outcome {outcome} by {generator}: {text!r}"
    if generator == LAST_RESORT:
        if any(text.count(sentence) > 1 for sentence in RULES.split(". ")):
            yield f"says something twice: {text!r}"
        return
    own = [asked for asked in calls if asked.model == generator and asked.complete]
    if not own or _plain(text) != _plain(own[-1].text):
        yield f"{generator} did not say {text!r}"


def _text(asked: Asked) -> str:
    return asked.text * 50 if asked.script.fault == "drip" else asked.text


def _plain(text: str) -> str:
    """The words without markers, which the service numbers by itself."""
    return "".join(_MARKER.sub("", text).split())


def wrong_ledger(said: Heard, calls: Sequence[Asked], rows: Sequence[Row]) -> Iterator[str]:
    """Where the ledger differs from what the providers saw and reported."""
    for name in MODELS:
        billed, came = _billed(rows, name), [asked for asked in calls if asked.model == name]
        timeouts = sum(row.outcome == "timeout" for row in billed)
        if not 0 <= len(billed) - len(came) <= timeouts:  # a call may time out before it is sent, on a slow machine
            yield f"{name} was called {len(came)} times, and {len(billed)} calls are in the ledger"
    for row in _billed(rows, ABSENT):
        if row.outcome != "connection" or row.prompt_tokens or row.completion_tokens or row.cost_usd:
            yield f"{ABSENT} could not be reached, and the ledger has {row}"
    for row, asked in _paired(rows, calls):
        yield from _wrong_row(row, asked)
    if said.answer is not None and "usage" in said.answer:
        told_tokens = said.answer["usage"]["prompt_tokens"], said.answer["usage"]["completion_tokens"]
        kept = sum(row.prompt_tokens for row in rows), sum(row.completion_tokens for row in rows)
        if told_tokens != kept:
            yield f"the client was told {told_tokens} tokens, the ledger has {kept}"


def _wrong_row(row: Row, asked: Asked) -> Iterator[str]:
    told = asked.told
    if row.reported and (told is None or not asked.complete):
        yield f"{row.generator}: reported, though it was not ({asked.script.fault})"
    elif row.reported and told is not None:
        figures = (row.prompt_tokens, row.completion_tokens, row.cached_tokens)
        if figures != (told.prompt_tokens, told.completion_tokens, told.cached_tokens):
            yield f"{row.generator}: {figures} in the ledger, reported {told}"
    elif row.outcome == "ok":
        yield f"{row.generator}: came to its end, and not reported"
    prices = PRICES[row.generator]
    cost = (row.prompt_tokens * prices[0] + row.completion_tokens * prices[1]) / 1e6
    if row.cost_usd is None or not math.isclose(row.cost_usd, cost, abs_tol=1e-12):
        yield f"{row.generator}: costs {row.cost_usd}, expected {cost}"


def _paired(rows: Sequence[Row], calls: Sequence[Asked]) -> list[tuple[Row, Asked]]:
    """Calls as the ledger and as the providers have them, in the order of each provider's own."""
    return [
        pair
        for name in MODELS
        if len(_billed(rows, name)) == sum(asked.model == name for asked in calls)
        for pair in zip(_billed(rows, name), [asked for asked in calls if asked.model == name], strict=True)
    ]


def _billed(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if row.generator == name]


def _end(said: Heard) -> str:
    if said.answer is not None:
        return f"{said.answer['outcome']} by {said.answer['generator']}"
    return f"error {said.error} {'after text' if said.deltas else 'before text'}"


def _ledger(home: Path) -> dict[int, list[Row]]:
    """The calls of each run, in the order in which they began."""
    query = (
        "select e.question, c.generator, c.outcome, c.prompt_tokens, c.completion_tokens, c.cached_tokens, c.reported, "
        "c.cost_usd from model_calls c join exchanges e on e.trace_id = c.trace_id order by c.started_at, c.id"
    )
    found: dict[int, list[Row]] = {}
    connection = sqlite3.connect(home / "grounding.db")
    try:
        for question, generator, outcome, prompt, completion, cached, reported, cost in connection.execute(query):
            run = _RUN.search(question)
            assert run is not None
            row = Row(generator, outcome, prompt, completion, cached, bool(reported), cost)
            found.setdefault(int(run[1]), []).append(row)
    finally:
        connection.close()
    return found


@contextmanager
def keys() -> Iterator[None]:
    """Keys that the providers' clients ask for."""
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(dict.fromkeys(KEYS, "storm"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def table(toll: Toll) -> Table:
    """Faults by what became of their calls."""
    outcomes = sorted({outcome for _, outcome in toll.faults})
    shown = Table("fault", *outcomes, title=f"{toll.runs.total()} runs, seed {toll.seed}: calls by fault and outcome")
    for fault in ("none", *get_args(Fault)):
        shown.add_row(fault, *(str(toll.faults[fault, outcome] or "") for outcome in outcomes))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", type=int, help="the number of one run, which alone is done")
    parser.add_argument("--at-once", type=int, default=6, help="questions under way at a time")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # a failed provider is told in the log
    with tempfile.TemporaryDirectory() as folder:
        runs = [run for run in plan(options.runs, seed=options.seed) if options.only in (None, run.number)]
        toll = Storm(runs, seed=options.seed, at_once=options.at_once).rage(Path(folder))
    console = Console(width=150)
    console.print(table(toll))
    for end, count in toll.runs.most_common():
        console.print(f"{count:5} {end}")
    console.print(f"longest {toll.longest:.1f} s; {toll.unsent} calls timed out unsent; {len(toll.wrong)} violations")
    for wrong in toll.wrong[:50]:
        console.print(wrong, markup=False)
    sys.exit(bool(toll.wrong))


if __name__ == "__main__":
    main()
