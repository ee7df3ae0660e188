"""Readers in processes of their own, while a writer changes documents and swaps one index after another.

The writer appends to a file what it begins and what is acknowledged. A reader looks there before and after each query,
and so knows in which versions it may find a document: in one alone, unless the document was just being changed.

`python -m tests.faults.swaps --readers 4 --swaps 100`
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from grounding.settings import Storage
from grounding.values import Document, Entity, Fingerprint, FloatVector, Hit
from store.corpus import SqlCorpus
from store.documents import NewDocument, NewPassage
from store.open import Store, open_store

REPOSITORY = Path(__file__).parents[2]
NAME = "items"
DIMENSION = 32
FINGERPRINT = Fingerprint("swaps", "1", DIMENSION)
ITEMS = 240
PARTS = 4
BATCH = 20
STOP = "stop"


@dataclass(frozen=True, slots=True)
class Play:
    """What readers and writer have in common."""

    home: str
    swaps: int
    exact_passages: int
    seed: int = 1

    @property
    def log(self) -> Path:
        return Path(self.home).with_name("log")

    def open(self) -> Store:
        return open_store(home=Path(self.home), storage=Storage(exact_passages=self.exact_passages))


@dataclass(slots=True)
class Seen:
    """What one reader saw."""

    queries: int = 0
    certain: int = 0
    generations: int = 0
    faults: list[str] = field(default_factory=list)


def word(item: int) -> str:
    return f"item{item}"


def vector(item: int, version: int, part: int) -> FloatVector:
    """Near to all others of the item, and far from the rest."""
    chance = np.random.default_rng([item])
    own = np.random.default_rng([item, version, part])
    values = chance.normal(size=DIMENSION) + 0.1 * own.normal(size=DIMENSION)
    return (values / np.linalg.norm(values)).astype(np.float32)


def document(item: int, version: int) -> NewDocument:
    texts = [f"{word(item)} revision {version} part {part} ".ljust(60, ".") for part in range(PARTS)]
    passages = tuple(
        NewPassage(
            text,
            60 * part,
            60 * (part + 1),
            "",
            {},
            vector(item, version, part),
            f"{item}/{version}/{part}",
            (Entity(word(item), "CODE", 0, len(word(item))),),
        )
        for part, text in enumerate(texts)
    )
    whole = Document(
        id=str(item),
        collection=NAME,
        source=f"{item}.txt",
        title="",
        text="".join(texts),
        media_type="text/plain",
        metadata={},
        content_hash=f"{item}/{version}",
    )
    return NewDocument(whole, passages, origin="swaps", language="en")


class Log:
    """Which version of an item was begun and which is acknowledged; 0 is none. One writer, many readers."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self._at = 0
        self._rest = b""
        self.stopped = False
        self.acknowledged: dict[int, int] = {}
        self.begun: dict[int, list[int]] = {}

    def write(self, what: str, items: dict[int, int]) -> None:
        os.write(self._descriptor, "".join(f"{what} {item} {items[item]}\n" for item in items).encode())

    def stop(self) -> None:
        os.write(self._descriptor, f"{STOP} 0 0\n".encode())

    def follow(self) -> None:
        """Reads what came since."""
        while new := os.pread(self._descriptor, 1 << 20, self._at):
            self._at += len(new)
            *lines, self._rest = (self._rest + new).split(b"\n")
            for line in lines:
                what, item, version = line.decode().split()
                if what == STOP:
                    self.stopped = True
                elif what == "begun":
                    self.begun.setdefault(int(item), []).append(int(version))
                else:
                    self.acknowledged[int(item)] = int(version)
                    self.begun[int(item)].clear()

    def possible(self, item: int) -> set[int]:
        """Versions in which the item may be now."""
        return {self.acknowledged.get(item, 0), *self.begun.get(item, ())}


def write(play: Play) -> None:
    """Changes items until the collection has come to so many new indexes."""
    chance, log, swapped, names = random.Random(play.seed), Log(play.log), 0, set[object]()
    store = play.open()
    versions = dict.fromkeys(range(ITEMS), 0)
    while swapped < play.swaps:
        chosen = chance.sample(range(ITEMS), BATCH)
        after = {item: versions[item] + 1 for item in chosen}
        with store.writer(NAME, fingerprint=FINGERPRINT) as writer:
            log.write("begun", after)
            writer.put([document(item, version) for item, version in after.items()])
            log.write("done", after)
            versions.update(after)
            gone = chance.sample(range(ITEMS), 3)
            log.write("begun", dict.fromkeys(gone, 0))
            writer.delete([str(item) for item in gone])
            log.write("done", dict.fromkeys(gone, 0))
            writer.publish()
        last = chance.randrange(ITEMS)
        log.write("begun", {last: 0})
        store.documents.delete(str(last), collection=NAME)
        log.write("done", {last: 0})
        info = store.collections.get(NAME)
        now = {info.generation, info.lexical_generation} - {None}
        swapped += len(now - names)
        names |= now
    log.stop()
    store.close()
    vectors = sum(str(name).startswith("vectors") for name in names)
    print(json.dumps({"swaps": swapped, "vectors": vectors, "puts": sum(versions.values())}))


def read(play: Play) -> None:
    """Asks for items until the writer stops, and looks whether each answer can be right."""
    chance, log, seen, names = random.Random(os.getpid()), Log(play.log), Seen(), set[object]()
    store = play.open()
    while not log.stopped:
        log.follow()
        if not log.acknowledged:
            time.sleep(0.01)
            continue
        corpus = store.corpus(NAME)
        item = chance.randrange(ITEMS)
        for leg in ("dense", "lexical", "entity"):
            try:
                _look(corpus, leg, item, log, seen)
            except Exception as error:  # noqa: BLE001 - no query may fail, whatever the reason
                seen.faults.append(f"{leg}: {type(error).__name__}: {error}")
        names.add(store.collections.get(NAME).generation)
        if len(seen.faults) > 20:
            break
    seen.generations = len(names)
    store.close()
    print(json.dumps(asdict(seen)))


def _look(corpus: SqlCorpus, leg: str, item: int, log: Log, seen: Seen) -> None:
    log.follow()
    possible = log.possible(item)
    hits = _hits(corpus, leg, item)
    passages = corpus.passages([hit.passage_id for hit in hits])
    log.follow()
    possible |= log.possible(item)
    found = [passage for passage in passages if passage.document_id == str(item)]
    versions = {int(passage.text.split()[2]) for passage in found} or {0}
    seen.queries += 1
    if len(versions) > 1:
        seen.faults.append(f"{leg}: item {item} in the versions {versions} at once")
    elif not versions <= possible and versions != {0}:
        seen.faults.append(f"{leg}: item {item} in version {versions}, where only {possible} can be")
    elif len(possible) == 1:
        seen.certain += 1
        parts = len(found) if versions == possible else 0
        if parts != (PARTS if possible != {0} else len(found)):
            seen.faults.append(f"{leg}: {parts} passages of item {item} in version {possible}, {len(hits)} hits")


def _hits(corpus: SqlCorpus, leg: str, item: int) -> Sequence[Hit]:
    if leg == "dense":
        return corpus.dense(vector(item, 0, 0), 2 * PARTS, fingerprint=FINGERPRINT)
    return corpus.lexical(word(item), 50) if leg == "lexical" else corpus.entity(word(item), 50)


def play(folder: Path, *, readers: int, swaps: int, exact_passages: int = 50_000) -> tuple[dict[str, int], list[Seen]]:
    """What the writer did, and what each reader saw."""
    game = Play(str(folder / "home"), swaps, exact_passages)
    game.open().close()
    started = [_started("reader", game) for _ in range(readers)] + [_started("writer", game)]
    try:
        said = [process.communicate()[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started)
    return json.loads(said[-1]), [Seen(**json.loads(line)) for line in said[:-1]]


def _started(role: str, game: Play) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.swaps", "--role", role, "--play", json.dumps(asdict(game))]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--exact-passages", type=int, default=50_000)
    parser.add_argument("--role", choices=["reader", "writer"], help=argparse.SUPPRESS)
    parser.add_argument("--play", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.role:
        game = Play(**json.loads(chosen.play))
        (read if chosen.role == "reader" else write)(game)
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="swaps-") as name:
        done, seen = play(Path(name), readers=chosen.readers, swaps=chosen.swaps, exact_passages=chosen.exact_passages)
    queries, certain = sum(one.queries for one in seen), sum(one.certain for one in seen)
    faults = [fault for one in seen for fault in one.faults]
    print(
        f"{done['swaps']} swaps, {done['vectors']} of them of vectors, {done['puts']} documents put, {queries} queries "
        f"by {len(seen)} readers, {certain} of them with one right answer: "
        f"{len(faults)} stale, mixed or failed; {time.monotonic() - began:.0f} s"
    )
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
