"""python -m tests.bench [--data FOLDER] [--documents N] [--queries N]: ingest beside the bare embedder, search beside
the embedding of its query, on a folder in BEIR layout (default: the sample corpus), with the default models.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from api.compose import Service, build
from grounding import settings
from grounding.evaluation import dataset
from grounding.pipeline import Ask
from ingest.prepare import embedding_text

SAMPLE = Path(__file__).parents[2] / "examples" / "eval"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SAMPLE, help="folder with corpus.jsonl and queries.jsonl")
    parser.add_argument("--documents", type=int, default=400, help="how many of its documents; 0: all")
    parser.add_argument("--queries", type=int, default=200, help="how many of its queries")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        environ = {"GROUNDING_MODELS__FOLDER": str(Path(".cache/models").absolute()), **os.environ}
        service = build(settings.load(environ | {"GROUNDING_HOME": home}))
        with service:
            table = Table("what", "figure", title=f"{options.data.name}: {options.documents or 'all'} documents")
            for name, figure in itertools.chain(
                ingest(service, options.data, limit=options.documents or None, scratch=Path(home)),
                search(service, options.data, limit=options.queries),
            ):
                table.add_row(name, figure)
    Console().print(table)


def ingest(service: Service, data: Path, *, limit: int | None, scratch: Path) -> list[tuple[str, str]]:
    """Both halves of the corpus by the bare embedder and by the whole job, in the order bare, job, job, bare, so that
    a machine that slows down or speeds up slows or speeds both. Then the bare embedder on the passages of the job:
    of a document it reads only the first 512 tokens, and a job embeds all of it."""
    lines = [line for line in (data / "corpus.jsonl").read_text("utf-8").split("\n") if line][:limit]
    halves = [lines[0::2], lines[1::2]]
    files = [scratch / "first.jsonl", scratch / "second.jsonl"]
    for file, half in zip(files, halves, strict=True):
        file.write_text("\n".join(half) + "\n", "utf-8")
    embedder = service.models.embedder()
    bodies = [[f"{d.get('title', '')}\n{d['text']}" for d in map(json.loads, half)] for half in halves]
    embedder.embed_passages(bodies[0][:32])
    service.models.extractor.extract([bodies[0][0]], language="en")
    service.models.extractor.extract([bodies[0][0]], language="ja")

    bare = _seconds(lambda: embedder.embed_passages(bodies[0]))
    job = _seconds(lambda: service.ingest([str(files[0])], collection="bench"))
    job += _seconds(lambda: service.ingest([str(files[1])], collection="bench"))
    bare += _seconds(lambda: embedder.embed_passages(bodies[1]))
    again = _seconds(lambda: service.ingest([str(file) for file in files], collection="bench"))
    report = service.ingest([str(file) for file in files], collection="bench")
    passages = service.store.corpus("bench").passages(range(1, report.passages.total + 1))
    cut = [embedding_text(passage.title, passage.heading, passage.text) for passage in passages]
    pieces = _seconds(lambda: embedder.embed_passages(cut))
    return [
        ("bare embedder", f"{len(lines) / bare:.1f} documents/s"),
        ("ingest, names and indexes included", f"{len(lines) / job:.1f} documents/s"),
        ("ingest at … of the bare embedder's speed", f"{bare / job:.0%}"),
        ("bare embedder on the passages it was cut into", f"{len(lines) / pieces:.1f} documents/s"),
        ("ingest at … of that speed", f"{pieces / job:.0%}"),
        ("the same again", f"{again:.2f} s, {again / job:.1%} of the first"),
        ("passages embedded then", str(report.passages.embedded)),
    ]


def search(service: Service, data: Path, *, limit: int) -> list[tuple[str, str]]:
    """Searches, each beside the embedding of its query alone, in turns."""
    queries = dataset.read_queries(data / "queries.jsonl")[:limit]
    embedder = service.models.embedder()
    service.grounder.search(Ask(queries[0].text, collection="bench"))
    rows: list[tuple[str, str]] = []
    pairs: dict[str, list[tuple[float, float]]] = {}
    steps: dict[str, list[float]] = {}
    for query in queries:
        alone = _seconds(lambda text=query.text: embedder.embed_queries([text])) * 1000  # type: ignore[misc]
        began = time.perf_counter()
        exchange = service.grounder.search(Ask(query.text, collection="bench"))
        whole = (time.perf_counter() - began) * 1000
        pairs.setdefault(exchange.question.language, []).append((alone, whole))
        for step in exchange.steps:
            steps.setdefault(step.name, []).append(step.ms)
    for language, times in sorted(pairs.items()):
        alone, whole = median(t[0] for t in times), median(t[1] for t in times)
        rows.append((f"search, {language}, {len(times)} queries: p50", f"{whole:.1f} ms"))
        rows.append((f"search, {language}: embedding alone, p50", f"{alone:.1f} ms"))
        rows.append((f"search, {language}: over the embedding, p50", f"{whole - alone:+.1f} ms"))
    shares: Sequence[tuple[str, str]] = [(f"  step {name}: p50", f"{median(ms):.2f} ms") for name, ms in steps.items()]
    return [*rows, *shares]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
