"""`collection reembed`, and a service that answers through it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE
from typing import cast

import pytest

from api import cli
from api.compose import Service, build
from grounding.pipeline import Ask
from grounding.settings import Models, Settings
from tests.asking import Asker

REPOSITORY = Path(__file__).parents[2]
EMBEDDERS = ("builtin", "tests.embedders:alike", "tests.embedders:smaller")
QUESTIONS = {
    "Which code says that the sensor lost its supply voltage?": "errors.md",
    "What is the hotel limit in Dublin per night?": "travel.md",
    "How many days of unused annual leave carry over?": "leave.md",
}


class Shell:
    """Runs `collection reembed handbook` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def run(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        found = cli.run(["collection", "reembed", "handbook", *arguments])
        out, self.err = self._capsys.readouterr()
        assert found == code, self.err
        return out

    def json(self, *arguments: str, code: int = 0) -> dict[str, object]:
        return cast(dict[str, object], json.loads(self.run(*arguments, "--json", code=code)))


@pytest.fixture
def shell(
    settings: Settings, handbook: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.setenv("GROUNDING_HOME", str(settings.home))
    for name in ("EMBEDDER", "ENTITIES__EN", "ENTITIES__JA"):
        monkeypatch.setenv(f"GROUNDING_MODELS__{name}", "builtin")
    return Shell(capsys)


def test_the_report(shell: Shell, service: Service) -> None:
    report = shell.json("--embedder", "tests.embedders:alike")
    assert (report["from"], report["to"], report["switched"]) == ("builtin", "tests.embedders:alike", True)
    assert report["passages"] == {"total": 4, "embedded": 4, "reused": 0, "truncated": 0}
    assert report["comparison"] == {"queries": 4, "source": "titles", "overlap_at_10": 1.0, "top1": 1.0}
    assert service.store.collections.get("handbook").embedder == "tests.embedders:alike"
    out = shell.run("--embedder", "builtin")
    assert "switched" in out
    assert "--embedder tests.embedders:alike switches back" in out
    assert "nothing to do" in shell.run("--embedder", "builtin")
    assert all(result.ok for result in service.store.check())


def test_what_may_not_be_switched(shell: Shell, service: Service) -> None:
    service.ingest([str(REPOSITORY / "examples" / "handbook" / "people")], collection="handbook")
    before = service.store.collections.get("handbook")
    assert shell.json("--embedder", "tests.embedders:alike", "--no-switch")["switched"] is False
    assert service.store.collections.get("handbook") == before
    service.grounder.search(Ask(next(iter(QUESTIONS)), collection="handbook"))
    report = shell.json("--embedder", "tests.embedders:contrary", "--min-overlap", "1", code=1)
    assert report["switched"] is False
    assert "is below 1" in str(report["reason"])
    assert cast(dict[str, object], report["comparison"])["source"] == "questions"
    assert service.store.collections.get("handbook").embedder == "builtin"


def test_old_vectors_are_kept_until_they_are_to_be_forgotten(shell: Shell) -> None:
    assert shell.json("--forget") == {"collection": "handbook", "forgotten": 0}
    shell.run("--embedder", "tests.embedders:alike")
    assert shell.json("--forget") == {"collection": "handbook", "forgotten": 4}
    assert shell.json("--embedder", "builtin", "--forget")["forgotten"] == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--embedder"),
        (("--embedder", "biultin"), "did you mean 'builtin'"),
        (("--embedder", "tests.nowhere:alike"), "cannot be imported"),
        (("--embedder", "tests.embedders:nameless"), "name in its fingerprint is 'tests.embedders:another'"),
        (("--embedder", "builtin", "--min-overlap", "2"), "min-overlap"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_done(
    shell: Shell, service: Service, arguments: tuple[str, ...], said: str
) -> None:
    shell.run(*arguments, code=2)
    assert said in shell.err
    assert [info.kind for info in service.store.jobs.list()] == ["ingest"]


class Asking(Asker):
    """Asks a service one question after the other."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._search = service.unrecorded().search
        self.embedders: set[str] = set()

    def ask(self) -> None:
        question, source = list(QUESTIONS.items())[self.asked % len(QUESTIONS)]
        exchange = self._search(Ask(question, collection="handbook", top_k=2))
        nearest = exchange.legs[0].hits[0].passage_id
        found = {item.passage.id: item.passage.source for item in exchange.evidence}
        if not found.get(nearest, "").endswith(source):
            self.wrong.append(f"{question} {found}")
        self.embedders |= {str(step.facts["embedder"]) for step in exchange.steps if step.name == "embed"}
        self.asked += 1


OTHER = """
import sys
from pathlib import Path
from api.compose import build
from tests.api.conftest import settings_of
from tests.api.test_reembed import Asking

with Asking(build(settings_of(Path(sys.argv[1])))) as asking:
    print("asking", flush=True)
    sys.stdin.readline()
print(asking.wrong, len(asking.embedders), flush=True)
"""


def test_services_answer_through_switches_back_and_forth(service: Service, handbook: str, settings: Settings) -> None:
    command = [sys.executable, "-c", OTHER, str(settings.home)]
    elsewhere = settings.model_copy(update={"models": Models(embedder="tests.embedders:alike", entities={})})
    with ExitStack() as stack:
        other = stack.enter_context(subprocess.Popen(command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE, text=True))
        assert other.stdout is not None
        assert other.stdout.readline() == "asking\n"
        asking = [stack.enter_context(Asking(service)) for _ in range(2)]
        mover = stack.enter_context(build(elsewhere))
        for _ in range(2):
            for embedder in (*EMBEDDERS[1:], EMBEDDERS[0]):
                assert mover.reembed(handbook, embedder=embedder).switched
                for each_asking in asking:
                    each_asking.goes_on()
        told, _ = other.communicate("stop\n", timeout=60)
    assert [each.wrong for each in asking] == [[], []]
    assert [len(each.embedders) for each in asking] == [len(EMBEDDERS)] * 2
    assert told.split()[0] == "[]"
    assert int(told.split()[1]) >= 2
    assert all(result.ok for result in service.store.check())


def test_an_ingest_that_waited_through_a_switch_follows_the_collection(
    service: Service, handbook: str, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "late.md").write_text("The umbrella stand is by the door.")
    fingerprint = service.store.collections.get(handbook).fingerprint
    assert fingerprint is not None
    with ExitStack() as stack:
        mover = stack.enter_context(build(settings))
        writing = stack.enter_context(ExitStack())
        writing.enter_context(mover.store.writer(handbook, fingerprint=fingerprint))

        def switched(busy: str) -> None:
            writing.close()
            assert mover.reembed(handbook, embedder="tests.embedders:smaller").switched

        report = service.ingest([str(tmp_path / "late.md")], collection=handbook, waiting=switched)
    assert report.documents.created == 1
    assert service.store.collections.get(handbook).embedder == "tests.embedders:smaller"
    found = service.unrecorded().search(Ask("Where is the umbrella stand?", collection=handbook, top_k=1))
    assert found.evidence[0].signals.dense is not None
    assert all(result.ok for result in service.store.check())
