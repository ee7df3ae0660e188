"""What the children ingest: documents whose every state can be made again from a number."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PEOPLE = "Ada Lovelace,Maria Keane,Chidi Okafor,Yuki Tanaka,Ingrid Solberg,Omar Haddad".split(",")
SYLLABLES = "ka lo mi ten ru sa vel dor pin qua zim bar nes tol gri fen".split()


@dataclass(frozen=True, slots=True)
class Record:
    id: str
    title: str
    text: str


def generated(size: int, *, seed: int = 1) -> list[Record]:
    """Small documents of several passages. No two passages are alike."""
    chance = random.Random(seed)
    words = ["".join(chance.choices(SYLLABLES, k=3)) for _ in range(2000)]
    records = []
    for number in range(size):
        sentences = [
            f"In note {number}-{line} we met {chance.choice(PEOPLE)} about {' '.join(chance.choices(words, k=14))}."
            for line in range(chance.randint(1, 8))
        ]
        records.append(Record(f"doc-{number:05d}", f"Note {number}", "\n\n".join(sentences)))
    return records


def read(path: Path) -> list[Record]:
    """The documents of a `corpus.jsonl`."""
    found = map(json.loads, path.read_text("utf-8").splitlines())
    return [Record(line["_id"], line["title"], line["text"]) for line in found]


def at_round(records: list[Record], number: int) -> Iterator[Record]:
    """The documents in their state of a round: in each but the first, every tenth is missing, and every fifth has
    one revision more, which changes its beginning."""
    for record in records:
        luck = [zlib.crc32(f"{record.id}/{earlier}".encode()) for earlier in range(1, number + 1)]
        if luck and luck[-1] % 10 == 0:
            continue
        revision = sum(value % 5 == 1 for value in luck)
        yield Record(record.id, record.title, (f"Revision {revision}. " if revision else "") + record.text)


def write(folder: Path, records: list[Record], *, number: int, parts: int = 4) -> None:
    """The state of a round as a folder of `.jsonl` files."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[list[str]] = [[] for _ in range(parts)]
    for record in at_round(records, number):
        line = json.dumps({"_id": record.id, "title": record.title, "text": record.text})
        lines[zlib.crc32(record.id.encode()) % parts].append(line + "\n")
    for part, its in enumerate(lines):
        (folder / f"part-{part}.jsonl").write_text("".join(its), "utf-8")
