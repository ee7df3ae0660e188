"""Uploads: accepted is kept, whatever becomes of the server; each is ingested once, beside the server."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import anyio
import pytest
from starlette.testclient import TestClient

from api import worker
from api.compose import Service
from api.routes.jobs import LOOK_SECONDS, _followed
from ingest.spool import Spool
from store.open import Store, open_store
from store.presence import Presence
from tests.api.test_questions import events
from tests.api.test_server import Server, serving

BODY = {"documents": [{"id": "a", "text": "The canteen opens at eleven."}]}
PATH = "/v1/collections/new/documents"


def until(true: Callable[[], bool], *, seconds: float = 180) -> None:
    """Waits for it to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def spools(home: Path) -> list[str]:
    return [folder.name for folder in (home / "uploads").iterdir()]


def work(service: Service) -> int:
    """What a worker does in one round."""
    return worker.ingest_waiting(service, threading.Event())


def with_key(client: TestClient, key: str, body: object = BODY, path: str = PATH) -> tuple[int, str]:
    response = client.post(path, json=body, headers={"Idempotency-Key": key})
    return response.status_code, response.json().get("job_id") or response.json()["detail"]


class TestIdempotency:
    def test_the_same_request_is_one_job(self, admin: TestClient, service: Service) -> None:
        first = with_key(admin, "k")
        assert first[0] == 202
        assert with_key(admin, "k") == first
        assert len(spools(service.settings.home)) == 1
        assert work(service) == 1
        assert with_key(admin, "k") == first
        assert work(service) == 0
        assert spools(service.settings.home) == []
        assert len(service.store.jobs.list()) == 1

    def test_the_key_of_other_documents_is_refused(self, admin: TestClient, service: Service) -> None:
        with_key(admin, "k")
        status, detail = with_key(admin, "k", {"documents": [{"id": "a", "text": "Other words."}]})
        assert status == 409
        assert "use a new key" in detail
        assert len(spools(service.settings.home)) == 1

    def test_a_key_is_its_caller_s_and_its_collection_s(self, admin: TestClient, service: Service) -> None:
        _, secret = service.store.keys.create(scopes=["ingest"])
        other = TestClient(admin.app, headers={"Authorization": f"Bearer {secret}"})
        jobs = {
            with_key(admin, "k")[1],
            with_key(admin, "l")[1],
            with_key(other, "k")[1],
            with_key(admin, "k", path="/v1/collections/more/documents")[1],
        }
        assert len(jobs) == 4

    def test_files_are_compared_by_name_and_content(self, admin: TestClient) -> None:
        def sent(*files: tuple[str, bytes]) -> int:
            given = [("files", file) for file in files]
            return admin.post(PATH, files=given, headers={"Idempotency-Key": "k"}).status_code

        assert sent(("a.txt", b"One."), ("b.txt", b"Two.")) == 202
        assert sent(("b.txt", b"Two."), ("a.txt", b"One.")) == 202
        assert sent(("a.txt", b"Two."), ("b.txt", b"One.")) == 409
        assert sent(("a.txt", b"One.")) == 409

    @pytest.mark.parametrize("key", ["", "x" * 256])
    def test_a_key_that_cannot_be_one(self, admin: TestClient, key: str) -> None:
        assert with_key(admin, key)[0] == 422


def test_a_job_is_followed_to_its_end(admin: TestClient, service: Service) -> None:
    job_id = admin.post(PATH, json=BODY).json()["job_id"]
    jobs = service.store.jobs
    told: list[tuple[str | None, str, dict[str, int]]] = []

    async def listen() -> None:
        async for event in _followed(jobs.get(job_id), service=service):
            job = json.loads(event.data or "")
            told.append((event.event, job["status"], job["counts"]))

    async def hear(events: int) -> None:
        with anyio.fail_after(30):
            while len(told) < events:
                await anyio.sleep(0.02)

    async def go_on() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await hear(1)
            await anyio.sleep(2.5 * LOOK_SECONDS)  # nothing happens, nothing is told
            jobs.take(job_id)
            await hear(2)
            jobs.progress(job_id, {"seen": 1})
            await hear(3)
            jobs.finish(job_id, status="done", report='{"seen": 1}')

    anyio.run(go_on)
    assert told == [
        ("progress", "queued", {}),
        ("progress", "running", {}),
        ("progress", "running", {"seen": 1}),
        ("done", "done", {"seen": 1}),
    ]
    (last,) = events(admin.get(f"/v1/jobs/{job_id}/events").text)
    assert last == ("done", admin.get(f"/v1/jobs/{job_id}").json())


def test_the_events_of_a_job_of_another_collection_are_unknown(admin: TestClient, service: Service) -> None:
    job_id = admin.post(PATH, json=BODY).json()["job_id"]
    _, secret = service.store.keys.create(scopes=["ingest"], collections=["other"])
    headers = {"Authorization": f"Bearer {secret}"}
    assert admin.get(f"/v1/jobs/{job_id}/events", headers=headers).status_code == 404


def test_an_upload_waits_while_another_writes(admin: TestClient, service: Service) -> None:
    job_id = admin.post(PATH, json=BODY).json()["job_id"]
    fingerprint = service.models.embedder().fingerprint
    with service.store.writer("new", fingerprint=fingerprint):
        assert work(service) == 0
        assert service.store.jobs.get(job_id).status == "queued"
    assert work(service) == 1
    assert admin.get(f"/v1/jobs/{job_id}").json()["status"] == "done"


def test_one_busy_collection_does_not_keep_another_waiting(admin: TestClient, service: Service) -> None:
    admin.post(PATH, json=BODY)
    other = admin.post("/v1/collections/other/documents", json=BODY).json()["job_id"]
    with service.store.writer("new", fingerprint=service.models.embedder().fingerprint):
        assert work(service) == 1
    assert service.store.jobs.get(other).status == "done"


def test_an_upload_that_is_gone_from_disk_fails_and_says_so(admin: TestClient, service: Service) -> None:
    job_id = admin.post(PATH, json=BODY).json()["job_id"]
    (name,) = spools(service.settings.home)
    Spool(service.settings.home / "uploads" / name).remove()
    assert work(service) == 1
    job = admin.get(f"/v1/jobs/{job_id}").json()
    assert job["status"] == "failed"
    assert "send it again" in job["report"]["detail"]


def test_an_upload_over_which_processes_die_is_given_up(admin: TestClient, service: Service) -> None:
    job_id = admin.post(PATH, json=BODY).json()["job_id"]
    for _ in range(worker.MOST_DEATHS):
        service.store.jobs.take(job_id)
        service.store.jobs.leave(job_id)
    assert work(service) == 1
    job = admin.get(f"/v1/jobs/{job_id}").json()
    assert job["status"] == "failed"
    assert "smaller parts" in job["report"]["detail"]
    assert spools(service.settings.home) == []


def test_an_upload_is_interrupted_and_gone_on_with(admin: TestClient, service: Service) -> None:
    job_id = admin.post(PATH, json=BODY).json()["job_id"]
    stopped = threading.Event()
    (waiting,) = service.store.jobs.waiting("upload")
    stopped.set()
    worker._ingest(waiting, worker.spool_of(waiting, service=service), service=service, stop=stopped)
    assert service.store.jobs.get(job_id).status == "interrupted"
    assert len(spools(service.settings.home)) == 1
    assert work(service) == 1
    job = service.store.jobs.get(job_id)
    assert (job.status, job.deaths) == ("done", 0)


def test_prune_leaves_uploads_alone(admin: TestClient, service: Service, tmp_path: Path) -> None:
    admin.post(PATH, files=[("files", ("a.txt", b"One."))])
    assert work(service) == 1
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "b.txt").write_text("Two.")
    report = service.ingest([str(folder)], collection="new", prune=True)
    assert report.documents.deleted == 0
    assert service.store.collections.get("new").documents == 2


def test_what_nobody_will_ask_for_is_swept_away(admin: TestClient, service: Service) -> None:
    admin.post(PATH, json=BODY)
    (waiting,) = spools(service.settings.home)
    done = service.store.jobs.start("new", sources=[])
    service.store.jobs.finish(done, status="done", report="{}")
    uploads = service.settings.home / "uploads"
    for name in ("unknown.new", "unknown.old", f"{done}.old"):
        (uploads / name).mkdir()
    for name in ("unknown.old", f"{done}.old", waiting):
        os.utime(uploads / name, (0, 0))
    worker.sweep(service)
    assert set(spools(service.settings.home)) == {waiting, "unknown.new"}
    work(service)
    (uploads / waiting).mkdir()  # as if the process had died before it could take it away
    worker.sweep(service)
    assert spools(service.settings.home) == ["unknown.new"]


def send(server: Server, name: str, *, documents: int, key: str) -> str:
    """The id of the job of an upload that takes a while."""
    body = [
        {"id": f"{name}-{n}", "text": f"Document {n} of {name}. " + "A river rises. " * 60} for n in range(documents)
    ]
    with server.client(key=key) as admin:
        answer = admin.post("/v1/collections/live/documents", json={"documents": body})
    assert answer.status_code == 202
    return cast(str, answer.json()["job_id"])


def job_of(store: Store, job_id: str) -> tuple[str, int]:
    job = store.jobs.get(job_id)
    return job.status, job.counts.get("seen", 0)


MANY = 3000
"""Documents of an upload that is still under way when its server ends, on a fast machine too."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_upload_is_lost_with_its_server(tmp_path: Path, how: signal.Signals) -> None:
    home = tmp_path / "home"
    with serving(home) as server:
        key = (home / "admin.key").read_text("utf-8")
        first = send(server, "first", documents=MANY, key=key)
        second = send(server, "second", documents=5, key=key)
        with server.client(key=key) as admin:

            def under_way() -> bool:
                job = admin.get(f"/v1/jobs/{first}").json()
                return bool(job["status"] == "running" and 0 < job["counts"].get("seen", 0) < MANY // 2)

            until(under_way)
        server.process.send_signal(how)
        server.process.wait(30)
    store = open_store(home=home)
    until(lambda: not worker_alive(home))
    status, seen = job_of(store, first)
    assert status == "interrupted"
    assert 0 < seen < MANY
    assert job_of(store, second) == ("queued", 0)
    assert len(spools(home)) == 2
    with serving(home):
        until(lambda: job_of(store, first)[0] == job_of(store, second)[0] == "done")
        until(lambda: spools(home) == [])
    report = json.loads(store.jobs.get(first).report or "")
    assert report["documents"]["seen"] == MANY
    assert report["documents"]["unchanged"] >= seen
    assert store.collections.get("live").documents == MANY + 5
    page = store.documents.list("live", limit=1000)
    assert {info.version for info in page.items} == {1}
    assert all(result.ok for result in store.check())
    store.close()


def worker_alive(home: Path) -> bool:
    """Whether the process beside the server is still there."""
    return Presence(home / "locks" / "uploads.lock").elsewhere()


def test_several_servers_have_one_worker(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, "--workers", "2") as server:
        key = (home / "admin.key").read_text("utf-8")
        jobs = [send(server, name, documents=5, key=key) for name in ("a", "b", "c", "d")]
        store = open_store(home=home)
        until(lambda: all(job_of(store, job_id)[0] == "done" for job_id in jobs))
        assert store.collections.get("live").documents == 20
        assert {store.jobs.get(job_id).deaths for job_id in jobs} == {0}
        store.close()
