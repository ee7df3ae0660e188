"""The demonstration: ingests the sample handbook, then asks it the questions of questions.txt over HTTP.

Starts `grounding ingest` and `grounding serve` as a user would, prints the answers with their sources, and stops.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".demo"
GROUNDING = [str(Path(sys.executable).with_name("grounding"))]
PORT = 8641


def main() -> int:
    os.chdir(HERE.parent)
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["GROUNDING_HOME"] = str(HOME)
    print("Ingesting examples/handbook (the first run converts the embedding model once, some seconds)\n", flush=True)
    done = subprocess.run([*GROUNDING, "ingest", "examples/handbook"], check=False)
    if done.returncode:
        return done.returncode
    with _server() as url:
        conversation: str | None = None
        for question, follows in _questions():
            conversation = _ask(url, question, conversation if follows else None)
    key = (HOME / "admin.key").read_text("utf-8").strip()
    print(f"To see why: run  make serve  and open http://127.0.0.1:8000/admin/retrievals  with the key {key}")
    return 0


@contextmanager
def _server() -> Iterator[str]:
    url = f"http://127.0.0.1:{PORT}"
    log = (HOME / "serve.log").open("w", encoding="utf-8")
    with log, subprocess.Popen([*GROUNDING, "serve", "--port", str(PORT)], stdout=log, stderr=log) as process:
        try:
            _wait_until_ready(url, process)
            yield url
        finally:
            process.terminate()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"the server did not become ready; see {HOME / 'serve.log'}")


def _questions() -> Iterator[tuple[str, bool]]:
    """(question, whether it follows up on the one before) of questions.txt."""
    for line in (HERE / "questions.txt").read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.removeprefix("> ").strip(), line.startswith("> ")


def _ask(url: str, question: str, conversation: str | None) -> str:
    body = {"message": question} | ({"conversation_id": conversation} if conversation else {})
    request = urllib.request.Request(
        f"{url}/v1/chat", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        reply = json.load(response)
    print(f"\nQ: {'… ' if conversation else ''}{question}")
    print(f"A: {reply['answer']}   ({reply['outcome']}, {reply['timings_ms']['total']:.0f} ms)")
    for citation in reply["citations"]:
        print(f"   [{citation['marker']}] {citation['source']}: “{citation['quote']}”")
    return str(reply["conversation_id"])


if __name__ == "__main__":
    raise SystemExit(main())
