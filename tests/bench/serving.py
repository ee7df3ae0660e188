"""python -m tests.bench.serving --data FOLDER: a real `grounding serve` and POST /v1/search by 1, 8 and 32 callers.

Queries are distinct and their cache is off, but where it says so. Beside the figures of one process stand those of two
that share the port, and of two independent servers with one caller each: what the machine's cores can give at best.
The callers are threads of this process, on the same cores.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import numpy as np
from rich.console import Console
from rich.table import Table

COMMAND = [sys.executable, "-c", "from api.cli import main; main()"]
COLLECTION = "bench"
WARM = 16
"""Searches before the clock starts: every thread of the server has then found what it needs."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of callers met: times in ms. `steps` are medians, as the server tells them."""

    name: str
    callers: int
    searches: int
    per_second: float
    p50: float
    p95: float
    steps: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus.jsonl and queries.jsonl")
    parser.add_argument("--home", type=Path, help="an ingested home to use, with the collection --collection")
    parser.add_argument("--collection", default=COLLECTION)
    parser.add_argument("--queries", type=int, default=300, help="searches for each figure")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--json", type=Path, help="where to put the figures, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if options.home is None:
            _run(home, "ingest", str(options.data / "corpus.jsonl"), "-c", options.collection)
        loads = list(measured(home, options.collection, _queries(options.data, options.queries), options.callers))
    Console().print(_figures(loads), _steps(loads))
    for load in loads[1:]:
        times = load.per_second / loads[0].per_second
        Console().print(f"{load.name}: {times:.2f} times the throughput of {loads[0].name}")
    if options.json:
        options.json.write_text(json.dumps([asdict(load) for load in loads], indent=1) + "\n", "utf-8")


def measured(home: Path, collection: str, queries: Sequence[str], callers: Sequence[int]) -> Iterator[Load]:
    """Figures of one process; of one that remembers queries; of two processes; of two servers."""
    uncached = {"GROUNDING_MODELS__QUERY_CACHE": "0"}
    with serving(home, uncached) as url:
        for number in callers:
            yield _load(f"{number} callers", [url], collection, queries, callers=number)
    with serving(home, {}) as url:
        _load("", [url], collection, queries, callers=8)
        yield _load("8 callers, all asked before", [url], collection, queries, callers=8)
    with serving(home, uncached, "--workers", "2") as url:
        yield _load("8 callers, 2 workers", [url], collection, queries, callers=8)
    with ExitStack() as servers:
        urls = [servers.enter_context(serving(home, uncached)) for _ in range(2)]
        yield _load("2 servers, 1 caller each", urls, collection, queries, callers=2)


@contextmanager
def serving(home: Path, environ: dict[str, str], *arguments: str) -> Iterator[str]:
    """The address of a server that is ready; stopped at the end."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--json", *arguments],
        env=_environment(home) | environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = str(json.loads(process.stdout.readline())["url"])
        while _get(url, "/readyz") != 200:
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _load(name: str, urls: Sequence[str], collection: str, queries: Sequence[str], *, callers: int) -> Load:
    """All queries, each by the next caller that is free; callers are spread over the servers."""
    connections = [_connection(url) for url, _ in zip(itertools.cycle(urls), range(callers), strict=False)]
    for connection, _ in zip(itertools.cycle(connections), range(max(WARM, callers)), strict=False):
        _search(connection, "warming up", collection)
    todo = iter(queries)
    lock = threading.Lock()
    times: list[float] = []
    steps: dict[str, list[float]] = {}

    def call(connection: http.client.HTTPConnection) -> None:
        while True:
            with lock:
                query = next(todo, None)
            if query is None:
                return
            began = time.perf_counter()
            told = _search(connection, query, collection)
            taken = (time.perf_counter() - began) * 1000
            with lock:
                times.append(taken)
                for step, ms in told.items():
                    steps.setdefault(step, []).append(ms)
                steps.setdefault("outside", []).append(taken - told["total"])

    threads = [threading.Thread(target=call, args=(connection,)) for connection in connections]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    p50, p95 = (float(value) for value in np.percentile(times, [50, 95]))
    medians = {step: median(ms) for step, ms in steps.items()}
    return Load(name, callers, len(times), len(times) / seconds, p50, p95, medians)


def _search(connection: http.client.HTTPConnection, query: str, collection: str) -> dict[str, float]:
    """Times of the steps in ms, as the server tells them."""
    body = json.dumps({"query": query, "collection": collection})
    connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"status {response.status}: {answer[:200]!r}")
    found: dict[str, float] = json.loads(answer)["timings_ms"]
    return found


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)


def _get(url: str, path: str) -> int:
    connection = _connection(url)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def _queries(data: Path, count: int) -> list[str]:
    lines = (data / "queries.jsonl").read_text("utf-8").splitlines()
    return list(dict.fromkeys(str(json.loads(line)["text"]) for line in lines))[:count]


def _run(home: Path, *arguments: str) -> None:
    subprocess.run([*COMMAND, *arguments], env=_environment(home), check=True)


def _environment(home: Path) -> dict[str, str]:
    return {
        "GROUNDING_MODELS__FOLDER": str(Path(".cache/models").absolute()),
        **os.environ,
        "GROUNDING_HOME": str(home),
    }


def _figures(loads: Sequence[Load]) -> Table:
    table = Table("load", "searches/s", "p50 ms", "p95 ms", title="POST /v1/search")
    for load in loads:
        table.add_row(load.name, f"{load.per_second:.1f}", f"{load.p50:.1f}", f"{load.p95:.1f}")
    return table


def _steps(loads: Sequence[Load]) -> Table:
    table = Table("step", *(load.name for load in loads), title="median ms of each step, and its share of the sum")
    names = dict.fromkeys(step for load in loads for step in load.steps if step != "total")
    for name in names:
        cells = []
        for load in loads:
            whole = sum(ms for step, ms in load.steps.items() if step != "total")
            ms = load.steps.get(name, 0.0)
            cells.append(f"{ms:.2f} ({ms / whole:.0%})")
        table.add_row(name, *cells)
    return table


if __name__ == "__main__":
    main()
