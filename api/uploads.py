"""Documents that come over HTTP, as JSON or as files: each upload is a job of its own, which waits for the worker.

Before a job is promised, what it needs is safe on disk: a server that dies loses no upload that it accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api import worker
from api.compose import Service
from api.schemas import DocumentsRequest, NewDocument
from grounding.errors import Conflict, InvalidRequest
from ingest import spool
from ingest.spool import ORIGIN, Spool

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


def accept(upload: Upload, *, collection: str, caller: str, key: str | None, service: Service) -> str:
    """The id of the job that will ingest the upload. Creates the collection if it is new.

    `key` is the request's Idempotency-Key: the job of an earlier request of this caller with the same one and the same
    documents is given again. Raises Conflict if those were other documents.
    """
    with suppress(Conflict):
        service.store.collections.create(collection)
    job_id = uuid4().hex if key is None else _id_of(caller, collection, key)
    kept, digest = _kept(upload, job_id, service=service)
    try:
        service.store.jobs.enqueue(
            job_id,
            collection,
            sources=[file_name(file) for file in upload.files] or [ORIGIN],
            kind="upload",
            request={"folder": kept.folder.name, "digest": digest},
        )
    except Conflict:
        kept.remove()
        if service.store.jobs.get(job_id).request["digest"] != digest:
            raise Conflict(
                f"Idempotency-Key {str(key)[:100]!r} was that of other documents: use a new key for a new request"
            ) from None
    except BaseException:
        kept.remove()
        raise
    return job_id


def _id_of(caller: str, collection: str, key: str) -> str:
    """The same for the same request: SQL, which takes an id once, then keeps the promise over any number of servers."""
    return hashlib.sha256(json.dumps([caller, collection, key]).encode()).hexdigest()[:32]


def _kept(upload: Upload, job_id: str, *, service: Service) -> tuple[Spool, str]:
    folder = worker.uploads_folder(service.settings)
    if upload.documents:
        return spool.keep_records(folder, job_id, [_record(document) for document in upload.documents])
    return spool.keep_files(folder, job_id, {file_name(file): file.file for file in upload.files})


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
