"""Another process sees what this one commits, at its next query, whatever it keeps in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.open import Store
from tests.store import library

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from store.open import open_store
from tests.store import library
store = open_store(home=Path(sys.argv[1]))
for line in sys.stdin:
    text = json.loads(line)
    corpus = store.corpus("library")
    legs = [
        corpus.dense(library.vector(text), 1),
        corpus.lexical(text, 1),
        corpus.entity([text], 1),
    ]
    print(json.dumps([library.texts(store, [hit.passage_id for hit in hits]) for hits in legs]), flush=True)
"""


class Other:
    """A process that answers queries for as long as the test runs."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(home)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def best(self, text: str) -> list[list[str]]:
        """The best passage of each leg."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        found: list[list[str]] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def other(store: Store, home: Path) -> Iterator[Other]:
    library.put(store, library.document("first", "umbrella", names=["umbrella"]))
    process = Other(home)
    yield process
    process.close()


def test_commits_updates_deletes_and_new_indexes_are_seen_at_once(store: Store, other: Other) -> None:
    found = [["umbrella"], ["umbrella"], ["umbrella"]]
    assert other.best("umbrella") == found

    library.put(store, library.document("second", "raincoat", names=["raincoat"]))
    assert other.best("raincoat") == [["raincoat"], ["raincoat"], ["raincoat"]]

    library.put(store, library.document("first", "sunshade", names=["sunshade"]), publish=True)
    assert other.best("umbrella")[1:] == [[], []]
    assert other.best("sunshade") == [["sunshade"], ["sunshade"], ["sunshade"]]

    store.documents.delete("second")
    assert other.best("raincoat") == [["sunshade"], [], []]

    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.put([library.document("first", "umbrella", names=["umbrella"])])
        writer._publisher.build("vectors")
        assert other.best("umbrella") == found
        writer._publisher.build("lexical")
        assert other.best("umbrella") == found

    store.collections.delete("library")
    library.put(store, library.document("first", "parasol", names=["parasol"]))
    assert other.best("parasol") == [["parasol"], ["parasol"], ["parasol"]]
    assert other.best("umbrella") == [["parasol"], [], []]
