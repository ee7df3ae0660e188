"""Another process sees what this one commits, at its next query, whatever it keeps in memory; one writes at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grounding.errors import CollectionBusy
from store.open import Store
from tests.store import library

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from store.open import open_store
from tests.store import library
store = open_store(home=Path(sys.argv[1]), database_url=sys.argv[2] or None)
for line in sys.stdin:
    text = json.loads(line)
    corpus = store.corpus("library")
    legs = [
        library.nearest(corpus, text, 1),
        corpus.lexical(text, 1),
        corpus.entity(text, 1),
    ]
    print(json.dumps([library.texts(store, [hit.passage_id for hit in hits]) for hits in legs]), flush=True)
"""
WRITER = """
import sys
from pathlib import Path
from store.open import open_store
from tests.store import library
store = open_store(home=Path(sys.argv[1]), database_url=sys.argv[2] or None)
with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
    writer.put([library.document("half", "umbrella")])
    print("writing", flush=True)
    sys.stdin.read()
"""


class Other:
    """A process that answers queries for as long as the test runs."""

    def __init__(self, home: Path, database_url: str | None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(home), database_url or ""],
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
def other(store: Store, home: Path, database_url: str | None) -> Iterator[Other]:
    library.put(store, library.document("first", "umbrella", names=["umbrella"]))
    process = Other(home, database_url)
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


def test_a_compaction_is_followed_by_who_has_the_old_files_open(store: Store, other: Other) -> None:
    library.put(store, library.document("second", "raincoat", names=["raincoat"]), publish=True)
    assert other.best("raincoat") == [["raincoat"], ["raincoat"], ["raincoat"]]
    store.documents.delete("second")
    store.compact("library")
    assert other.best("raincoat") == [["umbrella"], [], []]
    assert other.best("umbrella") == [["umbrella"], ["umbrella"], ["umbrella"]]


@contextmanager
def _writing(home: Path, database_url: str | None) -> Iterator[subprocess.Popen[str]]:
    """A process that writes until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), database_url or ""],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_writer_that_is_killed_lets_go_of_its_collection(store: Store, home: Path, database_url: str | None) -> None:
    told: list[str] = []
    with _writing(home, database_url) as process:
        busy = f"'library' is being written by process {process.pid} on "
        with (
            pytest.raises(CollectionBusy, match=busy),
            store.writer("library", fingerprint=library.FINGERPRINT, wait=False),
        ):
            pass

        def waiting(holder: str) -> None:
            told.append(holder)
            process.kill()

        with store.writer("library", fingerprint=library.FINGERPRINT, waiting=waiting) as writer:
            assert [known.id for known in writer.known().values()] == ["half"]
            writer.put([library.document("whole", "raincoat")])
    assert len(told) == 1
    assert busy in told[0]
    assert [hit.score > 0 for hit in store.corpus("library").lexical("raincoat umbrella", 5)] == [True, True]
