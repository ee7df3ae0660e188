"""A real server process, spoken to over a real socket, beside commands in other processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from api.serve import listen
from tests.api.conftest import DOCUMENTS, write_documents
from tests.api.test_cli import ENVIRONMENT
from tests.api.test_questions import events

COMMAND = [sys.executable, "-c", "from api.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Server:
    home: Path
    process: subprocess.Popen[str]
    url: str
    admin_key: str | None

    def client(self, *, key: str | None = None) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def upload(self, collection: str) -> None:
        """Sends DOCUMENTS over HTTP and waits until they are in."""
        with self.client(key=self.admin_key) as admin:
            files = [("files", (name, text.encode())) for name, text in DOCUMENTS.items()]
            job = admin.post(f"/v1/collections/{collection}/documents", files=files).json()["url"]
            _until(lambda: admin.get(job).json()["status"] == "done")

    def command(self, *arguments: str) -> dict[str, object]:
        """What another process says, while the server runs."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"], env=_environment(self.home), capture_output=True, timeout=60, check=True
        )
        found: dict[str, object] = json.loads(done.stdout)
        return found


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "GROUNDING_HOME": str(home)}


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[Server]:
    """A server on a free port; stopped, and waited for, at the end."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--json", *arguments],
        env=_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        told = json.loads(line)
        yield Server(home, process, told["url"], told["admin_key"])
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server") / "home") as running:
        _until(lambda: httpx2.get(f"{running.url}/readyz").status_code == 200)
        yield running


def _until(true: Callable[[], bool]) -> None:
    """Waits for the server to get there: every look is a request, which takes its time."""
    assert any(true() for _ in range(5000))


def test_documents_come_and_go_while_it_runs(server: Server, tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "handbook")
    with server.client() as client, server.client(key=server.admin_key) as admin:
        assert server.command("ingest", str(folder), "-c", "live")["collection"] == "live"

        def found() -> dict[str, str]:
            body = {"query": "hotel limit in Dublin", "collection": "live"}
            passages = client.post("/v1/search", json=body).json()["passages"]
            return {p["document_id"]: p["text"] for p in passages if "Dublin" in p["text"]}

        ((document_id, text),) = found().items()
        assert "180 EUR" in text
        (folder / "travel.md").write_text("# Travel\n\nThe hotel limit in Dublin is 210 EUR.\n", "utf-8")
        server.command("ingest", str(folder), "-c", "live")
        assert "210 EUR" in found()[document_id]
        assert admin.delete(f"/v1/documents/{document_id}", params={"collection": "live"}).status_code == 200
        assert found() == {}
        assert server.command("check", "-c", "live")["ok"] is True


def test_a_conversation_over_the_wire(server: Server) -> None:
    server.upload("talk")
    with server.client() as client, server.client(key=server.admin_key) as admin:
        question = {"message": "Which annual leave may employees carry over?", "collection": "talk"}
        first = client.post("/v1/chat", json=question).json()
        assert first["outcome"] == "answered"
        follow_up = {"message": "And in Japan?", "conversation_id": first["conversation_id"], "stream": True}
        with client.stream("POST", "/v1/chat", json=follow_up) as response:
            found = list(events("".join(response.iter_text())))
        assert found[-1][0] == "done"
        assert "ten days" in str(found[-1][1]["answer"])
        listed = admin.get("/admin/retrievals", params={"conversation": first["conversation_id"]}).json()["data"]
        assert [item["question"] for item in listed] == ["And in Japan?", question["message"]]
        page = admin.get(f"/admin/retrievals/{listed[0]['trace_id']}", headers={"Accept": "text/html"}).text
        assert '<mark class="quote"' in page


def test_a_client_that_goes_away_stops_its_answer(server: Server) -> None:
    server.upload("gone")
    with server.client(key=server.admin_key) as admin:
        body = {
            "message": "Which annual leave may employees carry over?",
            "collection": "gone",
            "stream": True,
        }
        with server.client() as client, client.stream("POST", "/v1/chat", json=body) as response:
            next(response.iter_raw())

        def recorded() -> bool:
            items = admin.get("/admin/retrievals", params={"collection": "gone"}).json()["data"]
            return [item["outcome"] for item in items] in (["partial"], ["answered"])

        _until(recorded)


def test_it_prints_the_admin_key_once_and_stops_when_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as first:
        assert first.admin_key == (home / "admin.key").read_text("utf-8")
        with first.client() as client:
            assert client.get("/healthz").status_code == 200
            assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(30) == 0
    with serving(home) as second:
        assert second.admin_key is None


def test_several_workers_share_a_port(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "--workers", "2") as server, server.client(key=server.admin_key) as admin:
        _until(lambda: admin.get("/readyz").status_code == 200)
        assert admin.get("/admin/retrievals").json()["data"] == []


def test_answers_do_not_wait_for_the_client_to_confirm_their_head() -> None:
    with listen("127.0.0.1", 0) as sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "serve", "--port", port],
            env=_environment(tmp_path),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: ")
    assert port in line
