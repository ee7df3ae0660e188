from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from grounding.errors import ConfigurationError, MissingDependency
from grounding.models.languagetool import REST_SECONDS, Change, LanguageToolPolisher, applied


@dataclass
class Server:
    """What the twin of a LanguageTool server answers with, and what it was asked."""

    matches: list[dict[str, object]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def would_write(self, text: str, wrong: str, right: str, *, kind: str = "grammar") -> None:
        offset = len(text[: text.index(wrong)].encode("utf-16-le")) // 2
        length = len(wrong.encode("utf-16-le")) // 2
        self.matches.append(
            {
                "message": "A mistake.",
                "replacements": [{"value": right}],
                "offset": offset,
                "length": length,
                "context": {"text": text, "offset": offset, "length": length},
                "sentence": text,
                "rule": {"id": "RULE", "issueType": kind, "category": {"id": "GRAMMAR", "name": "Grammar"}},
            }
        )


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("language_tool_python")
    known = Server()
    known.go_on.set()

    class Handler(BaseHTTPRequestHandler):
        languages: ClassVar = [{"name": "English", "code": "en", "longCode": "en-GB"}]

        def do_GET(self) -> None:
            self._answer(json.dumps(self.languages).encode())

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
            known.asked.append({name: values[0] for name, values in parse_qs(form).items()})
            known.go_on.wait(10)
            self._answer(known.body if known.body is not None else json.dumps({"matches": known.matches}).encode())

        def _answer(self, body: bytes) -> None:
            self.send_response(known.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:  # a client that gave up waiting
            pass

    with Quiet(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        known.url = f"http://127.0.0.1:{running.server_port}"
        yield known
        known.go_on.set()
        running.shutdown()
        thread.join()


def test_what_the_server_would_write_is_written(server: Server) -> None:
    text = "The 😀 employee have 5 days [1], which are enough."
    server.would_write(text, "have", "has")
    server.would_write(text, "are", "is")
    polisher = LanguageToolPolisher(server.url, seconds=10)
    assert polisher.polish(text, language="en") == "The 😀 employee has 5 days [1], which is enough."
    assert server.asked[0]["text"] == text
    assert server.asked[0]["language"] == "en"


def test_what_is_protected_and_what_is_only_spelled_otherwise_stays(server: Server) -> None:
    text = 'Nara have "a error" for <PERSON_1> of 5 dayz, not six [1].'
    changes = {"Nara": "Nora", "a error": "an error", "<PERSON_1>": "a person", "5": "five", "not ": "", "[1]": "(1)"}
    for wrong, right in changes.items():
        server.would_write(text, wrong, right)
    server.would_write(text, "dayz", "days", kind="misspelling")
    server.would_write(text, "have", "has")
    polished = LanguageToolPolisher(server.url, seconds=10).polish(text, language="en")
    assert polished == text.replace("have", "has")


def test_a_language_that_the_server_does_not_know_is_not_asked_about(server: Server) -> None:
    assert LanguageToolPolisher(server.url, seconds=10).polish("これはは。", language="ja") == "これはは。"
    assert server.asked == []


def test_a_server_that_is_late_costs_one_wait_and_then_rests(server: Server) -> None:
    server.go_on.clear()
    server.would_write("It have.", "have", "has")
    now = 0.0
    polisher = LanguageToolPolisher(server.url, seconds=0.2, clock=lambda: now)
    for _ in range(3):
        assert polisher.polish("It have.", language="en") == "It have."
    server.go_on.set()
    assert len(server.asked) <= 2  # the client asks a second time by itself
    now = REST_SECONDS + 1
    polisher = LanguageToolPolisher(server.url, seconds=10, clock=lambda: now)
    assert polisher.polish("It have.", language="en") == "It has."


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"broken"), (200, b"{}"), (200, b"[]"), (426, b"too many"), (200, b"")]
)
def test_a_server_that_fails_changes_nothing(server: Server, status: int, body: bytes) -> None:
    server.would_write("It have.", "have", "has")
    polisher = LanguageToolPolisher(server.url, seconds=10)
    assert polisher.polish("It have.", language="en") == "It has."
    server.status, server.body = status, body
    assert polisher.polish("It have.", language="en") == "It have."


def test_a_server_that_is_not_there_changes_nothing(server: Server) -> None:
    assert LanguageToolPolisher("http://127.0.0.1:9", seconds=10).polish("It have.", language="en") == "It have."


def test_an_empty_or_a_huge_text_is_not_sent(server: Server) -> None:
    polisher = LanguageToolPolisher(server.url, seconds=10)
    for text in ("", " \n", "a " * 20_000):
        assert polisher.polish(text, language="en") == text
    assert server.asked == []


def test_changes_that_overlap_or_lie_outside_are_left() -> None:
    changes = [Change(0, 2, "I"), Change(1, 4, "x"), Change(-1, 2, "y"), Change(3, 99, "z"), Change(3, 3, "w")]
    assert applied("we go on", [Change(3, 5, "went"), *changes[2:]]) == "we went on"
    assert applied("they go on", [Change(0, 6, "a b"), Change(5, 7, "went")]) == "they went on"


def test_without_the_package_the_error_names_the_command() -> None:
    with pytest.raises(MissingDependency, match=r"pip install 'grounding\[languagetool\]'"):
        LanguageToolPolisher("http://localhost:8081", installed=lambda module: False)


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://x", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected an address"):
        LanguageToolPolisher(url, installed=lambda module: True)
