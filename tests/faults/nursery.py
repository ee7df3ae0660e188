"""Where children are started: one process that has everything imported, and forks for each task.

`python -m tests.faults.nursery TASK.json` runs one task, without a fork.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.child import Task
from tests.faults.scenarios import run

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended: its exit code, negative for a signal, after so many seconds."""

    code: int
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Nursery:
    """Runs children one at a time. What they say on stderr is kept in `said`."""

    def __init__(self, said: Path) -> None:
        self.said = said
        self._stderr = said.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def run(self, task: Task, *, kill_after: float | None = None) -> End:
        """Starts a child and waits for its end, which comes by SIGKILL after so many seconds."""
        self.begin(task, kill_after=kill_after)
        return self.end()

    def begin(self, task: Task, *, kill_after: float | None = None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"task": task.to_json(), "seconds": kill_after}) + "\n")
        self._process.stdin.flush()

    def end(self) -> End:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.complaints()
        return End(**json.loads(line))

    def complete(self, task: Task) -> End:
        """Runs the task to its good end, whatever it would have died of."""
        end = self.run(replace(task, at=None, statement=None))
        assert end.code == 0, self.complaints()
        return end

    def complaints(self) -> str:
        return self.said.read_text()[-4000:]

    def close(self) -> None:
        self._process.communicate()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fork(task: Task) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        run(task)
        code = 0
    except BaseException:  # noqa: BLE001 - told on stderr, and by the exit code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _serve() -> None:
    """Runs tasks from stdin, one after another, each in a fork; kills those that take longer than they may."""
    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        pid = _fork(Task.of_json(order["task"]))
        status = _waited(pid, order["seconds"])
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, "seconds": time.monotonic() - began}), flush=True)


def _waited(pid: int, seconds: float | None) -> int:
    if seconds is not None:
        descriptor = os.pidfd_open(pid)
        ended, _, _ = select.select([descriptor], [], [], seconds)
        os.close(descriptor)
        if not ended:
            os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Task.of_json(Path(sys.argv[1]).read_text()))
    else:
        _serve()
