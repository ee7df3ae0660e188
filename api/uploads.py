"""Documents that come over HTTP, as JSON or as files: each upload is an ingest job of its own, in the background."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.compose import Service
from api.schemas import DocumentsRequest, NewDocument
from grounding.errors import Conflict, GroundingError, InvalidRequest, StoreError
from ingest.report import Progress

logger = logging.getLogger(__name__)

ORIGIN = "upload"
"""Source keys of what came over HTTP: `upload#<id>` for JSON, `upload/<name>` for a file."""
FILES_FIELD = "files"
MAX_FILES = 1000
MAX_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request brought: one of the two."""

    documents: Sequence[NewDocument] = ()
    files: Sequence[UploadFile] = ()

    def __len__(self) -> int:
        return len(self.documents) + len(self.files)


def start(upload: Upload, *, collection: str, service: Service) -> str:
    """The id of a job that ingests the upload once those before it are done. Creates the collection if it is new."""
    with suppress(Conflict):
        service.store.collections.create(collection)
    if upload.documents:
        sources: list[str] = [ORIGIN]
        folder = None
    else:
        folder = _spool(service.settings.home / "uploads")
        sources = _write(upload.files, folder / ORIGIN)
    job_id = service.store.jobs.start(collection, sources=[Path(source).name for source in sources])
    records = [_record(document) for document in upload.documents]
    service.background.submit(
        partial(_run, service, job_id, collection=collection, sources=sources, records=records, folder=folder)
    )
    return job_id


def _run(
    service: Service,
    job_id: str,
    *,
    collection: str,
    sources: Sequence[str],
    records: Sequence[Mapping[str, object]],
    folder: Path | None,
) -> None:
    def until_stopped(_: Progress) -> None:
        if service.background.stopping:
            raise KeyboardInterrupt  # as a person would: the run ends between two batches

    try:
        if folder is None:
            service.ingest_records(records, origin=ORIGIN, collection=collection, progress=until_stopped, job_id=job_id)
        else:
            service.ingest(sources, collection=collection, progress=until_stopped, job_id=job_id)
    except GroundingError as error:
        _give_up(service, job_id, code=error.code, detail=str(error))
    except Exception as error:  # noqa: BLE001 - nobody is above this thread: the job must not seem to run for ever
        _give_up(service, job_id, code="internal", detail=type(error).__qualname__)  # a message may quote a text
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _give_up(service: Service, job_id: str, *, code: str, detail: str) -> None:
    logger.warning("job %s failed: %s %s", job_id, code, detail)
    if service.store.jobs.get(job_id).status == "running":
        report = json.dumps({"error": code, "detail": detail}, ensure_ascii=False)
        service.store.jobs.finish(job_id, status="failed", report=report)


def _spool(parent: Path) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent))
    except OSError as error:
        raise StoreError(f"{parent} cannot be written: {error.strerror}") from error


def _write(files: Sequence[UploadFile], folder: Path) -> list[str]:
    """The paths of the files, written into a new folder."""
    paths = [folder / file_name(upload) for upload in files]
    try:
        folder.mkdir()
        for path, upload in zip(paths, files, strict=True):
            with path.open("wb") as target:
                shutil.copyfileobj(upload.file, target)
    except OSError as error:
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise StoreError(f"{folder} cannot be written: {error.strerror}") from error
    return [str(path) for path in paths]


async def read_upload(request: Request) -> AsyncIterator[Upload]:
    """The documents of a request. Raises what FastAPI raises for a body that does not fit; 415 for another kind."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield Upload(documents=_documents(await request.body()))
    elif kind == "multipart/form-data":
        async with request.form(max_files=MAX_FILES, max_fields=MAX_FILES) as form:
            yield Upload(files=_files(form))
    else:
        shown = repr(kind[:100]) if kind else "no content type"
        raise HTTPException(415, f"expected application/json or multipart/form-data, got {shown}")


def file_name(upload: UploadFile) -> str:
    """The name of a file without any folder. Raises InvalidRequest for one that cannot be a name."""
    name = (upload.filename or "").replace("\\", "/").rpartition("/")[2].strip()
    if name in ("", ".", "..") or not name.isprintable() or len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise InvalidRequest(f"{FILES_FIELD}: {name[:60]!r} cannot be the name of a file")
    return name


def _documents(body: bytes) -> Sequence[NewDocument]:
    try:
        return DocumentsRequest.model_validate_json(body).documents
    except ValidationError as error:
        raise RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()]) from None


def _files(form: FormData) -> Sequence[UploadFile]:
    if others := set(form) - {FILES_FIELD}:
        raise InvalidRequest(f"{min(others)[:60]}: there is no field of this name; files go into {FILES_FIELD!r}")
    files = [value for value in form.getlist(FILES_FIELD) if isinstance(value, UploadFile)]
    if not files:
        raise InvalidRequest(f"{FILES_FIELD}: expected at least one file")
    twice = [name for name, count in Counter(map(file_name, files)).items() if count > 1]
    if twice:
        raise InvalidRequest(f"{FILES_FIELD}: several files are named {twice[0]!r}, which is what tells them apart")
    return files


def _record(document: NewDocument) -> dict[str, object]:
    """What the ingest takes. Without an id of its own a document is known by its content: sent twice, it is one."""
    content = f"{document.title}\0{document.text}".encode("utf-8", "replace")
    own_id = document.id or hashlib.sha256(content).hexdigest()[:32]
    return {"id": own_id, "title": document.title, "text": document.text, "metadata": document.metadata}
