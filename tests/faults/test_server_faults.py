"""A server that is killed, or told to stop, while it streams answers: no half turn, nothing that was told is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from api.compose import build
from tests.api.conftest import settings_of, write_documents
from tests.api.test_questions import events
from tests.api.test_server import Server, serving
from tests.faults.checker import Rows

CLIENTS = 3
QUESTION = "Which annual leave may employees carry over?"


@dataclass(slots=True)
class Heard:
    """What clients were told: the trace of each answer that came whole, by conversation; and answers cut off."""

    whole: dict[str, list[str]] = field(default_factory=dict)
    cut_off: int = 0
    refused: int = 0


class Crowd:
    """Clients that ask, each in a conversation of its own, until the server does not answer any more."""

    def __init__(self, server: Server) -> None:
        self.heard = Heard()
        self.enough = threading.Event()
        self._server = server
        self._threads = [threading.Thread(target=self._ask, args=(f"talk-{number}",)) for number in range(CLIENTS)]

    def run(self, then: Callable[[], object], *, after: int) -> Heard:
        """Lets all of them ask; does `then` once each has heard so many answers."""
        for thread in self._threads:
            thread.start()
        while any(thread.is_alive() for thread in self._threads) and not self._have(after):
            self.enough.wait(0.01)
        then()
        for thread in self._threads:
            thread.join(60)
        return self.heard

    def _have(self, answers: int) -> bool:
        heard = list(self.heard.whole.values())
        return len(heard) == CLIENTS and all(len(traces) >= answers for traces in heard)

    def _ask(self, conversation: str) -> None:
        while True:
            body = {"message": QUESTION, "collection": "talk", "conversation_id": conversation, "stream": True}
            begun, text = False, ""
            try:
                with (
                    httpx2.Client(base_url=self._server.url, timeout=30) as client,
                    client.stream("POST", "/v1/chat", json=body) as response,
                ):
                    begun = response.status_code == 200
                    for piece in response.iter_text():
                        text += piece
            except httpx2.HTTPError:
                pass
            whole = text.replace("\r\n", "\n").rpartition("\n\n")[0] if begun else ""
            done = [data for name, data in events(whole) if name == "done"]
            if not done:
                self.heard.cut_off += begun
                self.heard.refused += not begun
                return
            self.heard.whole.setdefault(conversation, []).append(str(done[0]["trace_id"]))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GROUNDING_MODELS__GENERATOR", "tests.faults.slow:generator")
    with build(settings_of(tmp_path / "home")) as service:
        service.ingest([str(write_documents(tmp_path / "handbook"))], collection="talk")
    return tmp_path / "home"


def _require_all(home: Path, heard: Heard) -> None:
    """Every answer that came whole is in the history and in the records, and no turn is by half."""
    assert len(heard.whole) == CLIENTS
    with build(settings_of(home)) as service:
        for name, traces in heard.whole.items():
            turns = service.store.conversations.get(name).turns
            assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
            kept = [turn.trace_id for turn in turns if turn.role == "assistant"]
            assert kept[: len(traces)] == traces
            assert len(kept) <= len(traces) + 1
            for trace in traces:
                assert service.store.exchanges.get(trace).outcome == "answered"
        assert all(result.ok for result in service.store.check())
    assert Rows(home).faults == []


def test_killed_while_streaming(home: Path) -> None:
    with serving(home) as server:
        heard = Crowd(server).run(server.process.kill, after=3)
    _require_all(home, heard)
    with serving(home) as server, server.client() as client:
        body = {"message": QUESTION, "collection": "talk", "conversation_id": "talk-0"}
        assert client.post("/v1/chat", json=body).json()["outcome"] == "answered"


def test_told_to_stop_it_ends_what_it_has_begun(home: Path) -> None:
    with serving(home) as server:
        heard = Crowd(server).run(lambda: server.process.send_signal(signal.SIGTERM), after=2)
        assert server.process.wait(30) == 0
    assert heard.cut_off == 0
    _require_all(home, heard)
