from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from grounding.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from store.jobs import JobItem, Jobs
from store.keys import SCOPES
from store.open import Store, open_store
from store.schema import KeyRow


def test_a_job_is_followed_from_start_to_finish(store: Store) -> None:
    job_id = store.jobs.start("library", sources=["a.txt", "folder"])
    begun = store.jobs.get(job_id)
    assert (begun.status, begun.sources, begun.counts, begun.report) == ("running", ("a.txt", "folder"), {}, None)
    store.jobs.progress(job_id, {"seen": 3})
    store.jobs.item(job_id, "a.txt", outcome="created")
    store.jobs.add_items(
        job_id, [JobItem("b.pdf", "failed", "load", "encrypted", "needs a password"), JobItem("c.txt", "unchanged")]
    )
    store.jobs.add_items(job_id, [])
    assert store.jobs.get(job_id).counts == {"seen": 3}
    assert [item.source for item in store.jobs.items(job_id)] == ["a.txt", "b.pdf", "c.txt"]
    assert store.jobs.items(job_id, outcome="failed")[0].detail == "needs a password"
    store.jobs.finish(job_id, status="done", report='{"seen": 3}')
    ended = store.jobs.get(job_id)
    assert (ended.status, ended.report) == ("done", '{"seen": 3}')
    assert ended.finished_at is not None
    assert ended.finished_at >= ended.created_at


def test_jobs_are_listed_newest_first(store: Store) -> None:
    started = [store.jobs.start("library", sources=[]) for _ in range(3)]
    assert [job.id for job in store.jobs.list()] == started[::-1]
    assert len(store.jobs.list(limit=2)) == 2


def test_a_job_that_is_not_there_is_named(store: Store) -> None:
    for call in (store.jobs.get, lambda job: store.jobs.progress(job, {})):
        with pytest.raises(NotFound, match="job 'nothing'"):
            call("nothing")
    with pytest.raises(NotFound):
        store.jobs.finish("nothing", status="done", report="{}")


STARTING = """
import sys
from pathlib import Path
from store.open import open_store
store = open_store(home=Path(sys.argv[1]), database_url=sys.argv[2] or None)
print(store.jobs.take(sys.argv[3]).id if sys.argv[3:] else store.jobs.start("library", sources=[]), flush=True)
sys.stdin.read()
"""


@contextmanager
def at_work(store: Store, database_url: str | None, *job_id: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process at work on a job, and the job's id."""
    command = [sys.executable, "-c", STARTING, str(store.home), database_url or "", *job_id]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def queued(jobs: Jobs, job_id: str = "one") -> str:
    jobs.enqueue(job_id, "library", sources=["upload"], kind="upload", request={"folder": "f"})
    return job_id


def test_a_job_of_a_process_that_was_killed_is_interrupted(store: Store, database_url: str | None) -> None:
    with at_work(store, database_url) as (process, job_id):
        assert store.jobs.get(job_id).status == "running"
        assert store.jobs.list()[0].status == "running"
        process.kill()
        process.wait()
        found = store.jobs.get(job_id)
    assert (found.status, found.deaths) == ("interrupted", 1)
    assert "its process ended before the job did" in json.loads(found.report or "")["detail"]
    assert found.finished_at == found.updated_at
    assert store.jobs.get(job_id) == found
    assert store.jobs.list() == (found,)
    assert [path.name for path in (store.home / "locks").glob("job-*")] == []


def test_a_job_that_its_process_leaves_is_interrupted(store: Store) -> None:
    job_id = store.jobs.start("library", sources=[])
    store.jobs.leave(job_id)
    assert store.jobs.get(job_id).status == "interrupted"


def test_a_queued_job_is_taken_up_by_one_process(store: Store, database_url: str | None) -> None:
    job_id = queued(store.jobs)
    waiting = store.jobs.get(job_id)
    assert (waiting.status, waiting.kind, dict(waiting.request)) == ("queued", "upload", {"folder": "f"})
    assert store.jobs.waiting("upload") == (waiting,)
    assert store.jobs.waiting("reembed") == ()
    with at_work(store, database_url, job_id):
        assert store.jobs.get(job_id).status == "running"
        assert store.jobs.waiting("upload") == ()
        with pytest.raises(Conflict, match="being run already"):
            store.jobs.take(job_id)
    (left,) = store.jobs.waiting("upload")
    assert (left.status, left.deaths, dict(left.request)) == ("interrupted", 1, {"folder": "f"})
    taken = store.jobs.take(job_id)
    assert (taken.status, taken.deaths, taken.report, taken.finished_at) == ("running", 1, None, None)
    store.jobs.finish(job_id, status="done", report="{}")
    assert store.jobs.waiting("upload") == ()
    with pytest.raises(Conflict, match="it is done"):
        store.jobs.take(job_id)


def test_a_job_of_another_home_is_not_declared_dead(store: Store, database_url: str | None, tmp_path: Path) -> None:
    if database_url is None:
        pytest.skip("a database inside home is that home's alone")
    with closing(open_store(home=tmp_path / "other", database_url=database_url)) as other:
        running, waiting = store.jobs.start("library", sources=[]), queued(store.jobs)
        assert other.jobs.get(running).status == "running"
        assert other.jobs.waiting("upload") == ()
        assert [job.id for job in store.jobs.waiting("upload")] == [waiting]
        store.jobs.leave(running)
        assert other.jobs.get(running).status == "running"
        assert store.jobs.get(running).status == "interrupted"
        assert other.jobs.get(running) == store.jobs.get(running)
    with closing(open_store(home=store.home, database_url=database_url)) as again:
        assert again.jobs.take(running).deaths == 1


def test_jobs_wait_in_the_order_in_which_they_came(store: Store) -> None:
    for job_id in ("c", "a", "b"):
        queued(store.jobs, job_id)
    assert [job.id for job in store.jobs.waiting("upload")] == ["c", "a", "b"]


def test_an_id_is_taken_once(store: Store) -> None:
    queued(store.jobs)
    with pytest.raises(Conflict, match="job one is there already"):
        queued(store.jobs)


def test_a_job_that_is_taken_up_again_forgets_what_will_be_judged_again(store: Store) -> None:
    job_id = queued(store.jobs)
    store.jobs.take(job_id)
    outcomes = ["created", "failed", "duplicate", "deleted"]
    store.jobs.add_items(job_id, [JobItem(outcome, outcome) for outcome in outcomes])
    store.jobs.leave(job_id)
    store.jobs.take(job_id)
    assert [item.outcome for item in store.jobs.items(job_id)] == ["created", "deleted"]


def test_a_key_opens_what_it_was_made_for(store: Store) -> None:
    assert not store.keys.any()
    info, secret = store.keys.create(scopes=["search", "chat"], collections=["b", "a"], groups=["g", "g"], name="app")
    assert store.keys.any()
    assert secret.startswith("gk_")
    assert len(secret) == 46
    found = store.keys.verify(secret)
    assert (found.id, found.name, found.groups) == (info.id, "app", ("g",))
    assert found.scopes == {"chat", "search"}
    assert found.collections == frozenset({"a", "b"})
    (listed,) = store.keys.list()
    assert listed.last_used_at is not None
    assert store.keys.verify(secret).last_used_at == listed.last_used_at


def test_a_key_for_all_collections_says_so(store: Store) -> None:
    info, secret = store.keys.create(scopes=SCOPES)
    assert info.collections is None
    assert store.keys.verify(secret).collections is None
    none, _ = store.keys.create(scopes=["chat"], collections=[])
    assert none.collections == frozenset()


def test_the_secret_itself_is_kept_nowhere(store: Store) -> None:
    _, secret = store.keys.create(scopes=["chat"])
    store.keys.verify(secret)
    with store._database.read() as connection:
        assert len(connection.execute(select(KeyRow.secret_hash)).scalar_one()) == 64
    store.close()
    for file in store.home.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


def test_a_revoked_key_opens_nothing(store: Store) -> None:
    info, secret = store.keys.create(scopes=["chat"])
    assert store.keys.revoke(info.id)
    assert not store.keys.revoke(info.id)
    assert not store.keys.any()
    assert store.keys.list()[0].revoked_at is not None
    with pytest.raises(NotAuthenticated):
        store.keys.verify(secret)


@pytest.mark.parametrize("secret", ["", "gk_", "gk_" + "a" * 43, "\ud800", "x" * 10_000])
def test_an_unknown_secret_opens_nothing(store: Store, secret: str) -> None:
    store.keys.create(scopes=["chat"])
    with pytest.raises(NotAuthenticated):
        store.keys.verify(secret)


@pytest.mark.parametrize("scopes", [[], ["chatt"], ["chat", ""]])
def test_a_scope_that_does_not_exist_is_named(store: Store, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="there are chat, search, ingest, admin"):
        store.keys.create(scopes=scopes)


def test_an_unknown_key_cannot_be_revoked(store: Store) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        store.keys.revoke("nobody")
