"""python -m tests.bench.gateway [--data-home HOME] [--minutes M]: what a chat costs beside its retrieval, its checks
and its model, on a real `grounding serve` with one worker and a fake provider in a process of its own.

Three parts: the gateway's own overhead before a provider that answers at once; the time to the first sentence before
one that takes 300 ms; 200 streamed chats at once before one that takes 2 s, with searches alongside, and what the
server holds of memory, threads and connections meanwhile. Each figure stands beside its counterpart of the same run:
the provider asked without the gateway, searches without chats. The callers are on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self, cast
from urllib.parse import urlsplit

import numpy as np
import openai
from rich.console import Console
from rich.table import Table

from grounding.evaluation import dataset
from tests.bench.serving import COMMAND

EXAMPLES = Path(__file__).parents[2] / "examples"
COLLECTION = "sample"
GENERATOR = "fake"
FIRST_SECONDS = 0.3
"""What the provider takes to its first piece, where the first sentence is timed."""
SLOW_SECONDS = 2.0
"""The same where many chats are under way."""
OVERHEAD_MS, FIRST_MS, SLOWER = 15.0, 10.0, 3.0
"""The bars: at most so much over retrieval, checks and model; so many times the quiet p95."""
WARM = 8
_DELTA = re.compile(rb"event: delta")
_CONTENT = re.compile(rb'"content": ?"[^"]')


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    process: subprocess.Popen[str]

    def held(self) -> tuple[float, int, int]:
        """Its memory in MB, its threads, its open files and connections."""
        folder = Path("/proc") / str(self.process.pid)
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
        return int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]), len([*(folder / "fd").iterdir()])


@dataclass(frozen=True, slots=True)
class Told:
    """A chat as it was timed, in ms: until its first text, until its end, and each step as the server tells it."""

    first: float
    whole: float
    steps: Mapping[str, float]

    @property
    def before(self) -> float:
        """The steps before the model."""
        names = itertools.takewhile(lambda name: name != "generate", self.steps)
        return sum(self.steps[name] for name in names)

    @property
    def beside(self) -> float:
        """All steps but that of the model."""
        return sum(ms for name, ms in self.steps.items() if name not in ("generate", "total"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-home", type=Path, help=f"an ingested home with the collection {COLLECTION}")
    parser.add_argument("--chats", type=int, default=100, help="for each figure of the first two parts")
    parser.add_argument("--at-once", type=int, default=200, help="streamed chats of the third part")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long the third part goes on")
    parser.add_argument("--parts", default="abc", help="which of the three")
    parser.add_argument("--environ", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    options = parser.parse_args()
    questions = [query.text for query in dataset.read_queries(EXAMPLES / "eval" / "queries.jsonl")]
    environ = dict(pair.split("=", 1) for pair in options.environ)
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        home = options.data_home or Path(folder)
        if options.data_home is None:
            arguments = [*COMMAND, "ingest", str(EXAMPLES / "handbook"), "-c", COLLECTION]
            subprocess.run(arguments, env=_environment(home), check=True)
        if "a" in options.parts:
            console.print(overhead(home, environ, questions, options.chats))
        if "b" in options.parts:
            console.print(first_sentence(home, environ, questions, options.chats))
        if "c" in options.parts:
            for table in crowd(home, environ, questions, options.at_once, options.minutes):
                console.print(table)


def overhead(home: Path, environ: Mapping[str, str], questions: Sequence[str], chats: int) -> Table:
    """p50 of a chat beyond its steps and beyond the same prompt sent to the provider itself, which answers at once."""
    title = f"overhead of {chats} chats, p50 in ms; bar {OVERHEAD_MS:.0f}"
    columns = (
        "whole",
        "retrieval and checks",
        "provider alone",
        "overhead",
        "of it while generating",
        "outside the turn",
    )
    table = Table("door", *columns, title=title)
    with provider() as fake, serving(home, fake, environ) as server, openai.OpenAI(base_url=fake, api_key="-") as bare:
        doors = {"/v1/chat": _chat, "/v1/chat/completions": _completion}
        told: dict[str, list[Told]] = {name: [] for name in doors}
        alone: list[float] = []
        for number, question in enumerate(itertools.islice(itertools.cycle(questions), WARM + chats)):
            messages = _messages(server, question)
            for name, door in doors.items():
                found = door(server.url, question, stream=False)
                if number >= WARM:
                    told[name].append(found)
            taken = _bare(bare, messages)[1]
            if number >= WARM:
                alone.append(taken)
    for name, found_all in told.items():
        over = median(each.whole - each.beside - model for each, model in zip(found_all, alone, strict=True))
        whole, beside = median(each.whole for each in found_all), median(each.beside for each in found_all)
        generating = median(each.steps["generate"] - model for each, model in zip(found_all, alone, strict=True))
        outside = median(each.whole - each.steps["total"] for each in found_all)
        figures = (whole, beside, median(alone), over, generating, outside)
        table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    return table


def first_sentence(home: Path, environ: Mapping[str, str], questions: Sequence[str], chats: int) -> Table:
    """p50 of the time to the first sentence beyond the steps before the model, and beyond the same sentence from the
    provider itself: nothing is shown before a citation holds, so both are timed to the sentence's end."""
    title = f"time to the first sentence of {chats} streamed chats, p50 in ms; bar {FIRST_MS:.0f}"
    table = Table("door", "first text", "steps before the model", "provider alone", "overhead", title=title)
    with (
        provider("--first-seconds", str(FIRST_SECONDS), "--sentences", "2") as fake,
        serving(home, fake, environ) as server,
        openai.OpenAI(base_url=fake, api_key="-") as bare,
    ):
        doors = {"/v1/chat": _chat, "/v1/chat/completions": _completion}
        told: dict[str, list[Told]] = {name: [] for name in doors}
        alone: list[float] = []
        for number, question in enumerate(itertools.islice(itertools.cycle(questions), WARM + chats)):
            messages = _messages(server, question)
            for name, door in doors.items():
                found = door(server.url, question, stream=True)
                if number >= WARM and found.first:
                    told[name].append(found)
            if number >= WARM:
                alone.append(_bare(bare, messages)[0])
    for name, found_all in told.items():
        first, before = median(each.first for each in found_all), median(each.before for each in found_all)
        over = median(each.first - each.before for each in found_all) - median(alone)
        table.add_row(name, f"{first:.1f}", f"{before:.1f}", f"{median(alone):.1f}", f"{over:.1f}")
    return table


def crowd(
    home: Path, environ: Mapping[str, str], questions: Sequence[str], at_once: int, minutes: float
) -> Iterator[Table]:
    """Searches without and with many streamed chats, and what the server holds, as it goes."""
    slow = ("--first-seconds", str(SLOW_SECONDS), "--sentences", "2")
    with provider(*slow) as fake, serving(home, fake, environ) as server:
        for question in questions[:WARM]:
            _chat(server.url, question, stream=True)
        with _Searches(server.url, questions) as quiet:
            time.sleep(15)
        held = [(0.0, *server.held())]
        ended: list[float] = []
        failed: list[str] = []
        chats = 0
        began = time.perf_counter()
        with _Searches(server.url, questions) as busy:
            while not chats or time.perf_counter() - began < minutes * 60:
                results = asyncio.run(_streams(server.url, questions, at_once))
                chats += len(results)
                ended += [seconds for seconds, error in results if not error]
                failed += [error for _, error in results if error]
                held.append((time.perf_counter() - began, *server.held()))
        time.sleep(3)
        held.append((time.perf_counter() - began, *server.held()))
    title = (
        f"{at_once} streamed chats at a time, provider of {SLOW_SECONDS:.0f} s; bar {SLOWER:.0f} times the quiet p95"
    )
    table = Table("searches", "count", "p50 ms", "p95 ms", "failed", title=title)
    for name, searches in (("quiet", quiet), ("beside the chats", busy)):
        p50, p95 = np.percentile(searches.times, [50, 95])
        table.add_row(name, str(len(searches.times)), f"{p50:.0f}", f"{p95:.0f}", str(len(searches.failed)))
    times = float(np.percentile(busy.times, 95) / np.percentile(quiet.times, 95))
    table.add_row("times the quiet p95", "", "", f"{times:.2f}", "")
    yield table
    table = Table("chats", "failed", "p50 s", "p95 s", "longest s", "why they failed")
    p50, p95, most = np.percentile(ended or [float("nan")], [50, 95, 100])
    why = "; ".join(sorted({error[:80] for error in failed})[:3])
    table.add_row(str(chats), str(len(failed)), f"{p50:.1f}", f"{p95:.1f}", f"{most:.1f}", why)
    yield table
    table = Table("after s", "MB", "threads", "files and connections", title="what the server holds after each round")
    step = max(1, len(held) // 20)
    for at, memory, threads, files in [*held[:-1:step], held[-1]]:
        table.add_row(f"{at:.0f}", f"{memory:.0f}", str(threads), str(files))
    yield table


@contextmanager
def provider(*arguments: str) -> Iterator[str]:
    """OpenAI's base URL of a fake provider in its own process."""
    command = [sys.executable, "-m", "tests.providers.server", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["url"]) + "/v1"
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@contextmanager
def serving(home: Path, fake: str, environ: Mapping[str, str]) -> Iterator[Server]:
    """A server that is ready, whose generator is the fake provider; stopped at the end."""
    settings = {
        "GROUNDING_GENERATORS__FAKE__MODEL": "openai:fake-model",
        "GROUNDING_GENERATORS__FAKE__BASE_URL": fake,
        "GROUNDING_GENERATORS__FAKE__MAX_CALLS": "1000",
        "GROUNDING_GENERATORS__FAKE__FIRST_TOKEN_SECONDS": "60",
        "GROUNDING_MODELS__GENERATOR": GENERATOR,
        "GROUNDING_MODELS__QUERY_CACHE": "0",
        "GROUNDING_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--json"],
        env={**_environment(home), **settings, **environ},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        server = Server(str(json.loads(process.stdout.readline())["url"]), process)
        while _status(server.url, "/readyz") != 200:
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


class _Searches:
    """One caller that searches without a pause, within the block; times in ms."""

    def __init__(self, url: str, questions: Sequence[str]) -> None:
        self.times: list[float] = []
        self.failed: list[int] = []
        self._url = url
        self._questions = questions
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._search)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _search(self) -> None:
        connection = _connection(self._url)
        for question in itertools.cycle(self._questions):
            if self._enough.is_set():
                break
            began = time.perf_counter()
            status, _ = _post(connection, "/v1/search", {"query": question, "collection": COLLECTION})
            self.times.append((time.perf_counter() - began) * 1000)
            if status != 200:
                self.failed.append(status)
        connection.close()


async def _streams(url: str, questions: Sequence[str], count: int) -> list[tuple[float, str]]:
    """So many streamed chats at once: seconds of each, and what went wrong with it."""
    asked = itertools.islice(itertools.cycle(questions), count)
    return await asyncio.gather(*(_stream(url, question) for question in asked))


async def _stream(url: str, question: str) -> tuple[float, str]:
    body = json.dumps({"message": question, "collection": COLLECTION, "stream": True}).encode()
    place = urlsplit(url)
    began = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = f"POST /v1/chat HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), 120)
        writer.close()
    except (OSError, TimeoutError) as error:
        return time.perf_counter() - began, type(error).__name__
    seconds = time.perf_counter() - began
    return seconds, "" if b"event: done" in answer else answer[-300:].decode("utf-8", "replace")


def _chat(url: str, question: str, *, stream: bool) -> Told:
    body = {"message": question, "collection": COLLECTION, "stream": stream}
    first, whole, answer = _timed(url, "/v1/chat", body, _DELTA)
    told = json.loads(answer) if not stream else _last(answer, "event: done")
    return Told(first, whole, told["timings_ms"])


def _completion(url: str, question: str, *, stream: bool) -> Told:
    messages = [{"role": "user", "content": question}]
    body = {"model": f"{GENERATOR}@{COLLECTION}", "messages": messages, "stream": stream}
    first, whole, answer = _timed(url, "/v1/chat/completions", body, _CONTENT)
    if not stream:
        return Told(first, whole, json.loads(answer)["choices"][0]["message"]["context"]["timings_ms"])
    for line in answer.decode().splitlines():
        if '"context"' in line:
            choice = json.loads(line.removeprefix("data: "))["choices"][0]
            return Told(first, whole, choice["delta"]["context"]["timings_ms"])
    raise RuntimeError(f"no context in {answer[-300:]!r}")


def _last(answer: bytes, event: str) -> Any:
    _, _, rest = answer.decode().replace("\r\n", "\n").partition(f"{event}\ndata: ")
    return json.loads(rest.partition("\n")[0])


def _timed(url: str, path: str, body: Mapping[str, object], mark: re.Pattern[bytes]) -> tuple[float, float, bytes]:
    """ms until the mark was read (0 where it never was) and until the end, and the answer."""
    connection = _connection(url)
    connection.connect()
    began = time.perf_counter()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer, first = b"", 0.0
    while data := response.read1(65536):
        answer += data
        if not first and mark.search(answer):
            first = (time.perf_counter() - began) * 1000
    whole = (time.perf_counter() - began) * 1000
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path}: status {response.status}: {answer[:300]!r}")
    return first, whole, answer


def _messages(server: Server, question: str) -> list[dict[str, str]]:
    """The prompt of a question, as its model would get it."""
    connection = _connection(server.url)
    status, answer = _post(connection, "/v1/ground", {"message": question, "collection": COLLECTION})
    connection.close()
    if status != 200:
        raise RuntimeError(f"/v1/ground: status {status}: {answer[:300]!r}")
    found: list[dict[str, str]] = json.loads(answer)["messages"]
    return found


def _bare(client: openai.OpenAI, messages: Sequence[Mapping[str, str]]) -> tuple[float, float]:
    """ms until the end of the first sentence, and until the end, of the provider's own stream."""
    began = time.perf_counter()
    first, text = 0.0, ""
    stream = client.chat.completions.create(
        model="fake-model",
        messages=cast(Any, messages),
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        if not first and "[1]" in text:
            first = (time.perf_counter() - began) * 1000
    return first, (time.perf_counter() - began) * 1000


def _post(connection: http.client.HTTPConnection, path: str, body: Mapping[str, object]) -> tuple[int, bytes]:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


def _status(url: str, path: str) -> int:
    connection = _connection(url)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)


def _environment(home: Path) -> dict[str, str]:
    return {
        "GROUNDING_MODELS__FOLDER": str(Path(".cache/models").absolute()),
        **os.environ,
        "GROUNDING_HOME": str(home),
    }


if __name__ == "__main__":
    main()
