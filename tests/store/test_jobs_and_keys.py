from __future__ import annotations

import pytest
from sqlalchemy import select

from grounding.errors import InvalidRequest, NotAuthenticated, NotFound
from store.jobs import JobItem
from store.keys import SCOPES
from store.open import Store
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
