"""Collections and their documents; documents come in as JSON or as files, and are ingested beside the server."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from api import uploads
from api.auth import Caller
from api.dependencies import Beside, Ingester, KnownSearcher, Serving
from api.schemas import (
    CollectionJson,
    Deleted,
    DocumentInfoJson,
    DocumentJson,
    DocumentsRequest,
    JobAccepted,
    Listing,
)
from api.uploads import Upload, read_upload
from grounding.errors import Conflict, NotFound
from store.documents import StoredDocument
from store.open import Store

router = APIRouter(prefix="/v1", tags=["collections"])

InCollection = Annotated[str | None, Query(description="where the document is; needed if several collections hold it")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="sent again, it is one job, not two"),
]
_UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": DocumentsRequest.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
        },
    }
}


@router.get("/collections")
def list_collections(service: Serving, caller: KnownSearcher) -> Listing[CollectionJson]:
    """The collections that the caller may see."""
    seen = [info for info in service.store.collections.list() if caller.sees(info.name)]
    return Listing(data=[CollectionJson.model_validate(info) for info in seen])


@router.get("/collections/{collection}")
def show_collection(collection: str, service: Serving, caller: KnownSearcher) -> CollectionJson:
    """A collection in numbers."""
    caller.require_collection(collection, store=service.store)
    return CollectionJson.model_validate(service.store.collections.get(collection))


@router.delete("/collections/{collection}")
def delete_collection(collection: str, service: Serving, caller: Ingester) -> Deleted:
    """Deletes a collection with all of its documents."""
    caller.require_collection(collection, store=service.store)
    service.store.collections.delete(collection)
    return Deleted(id=collection, object="collection")


@router.get("/collections/{collection}/documents")
def list_documents(
    collection: str,
    service: Serving,
    caller: KnownSearcher,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
) -> Listing[DocumentInfoJson]:
    """Its documents by id, without their texts: those that the caller may read."""
    caller.require_collection(collection, store=service.store)
    page = service.store.documents.list(collection, limit=limit, after=cursor, where=caller.readable)
    return Listing(data=[DocumentInfoJson.model_validate(info) for info in page.items], next_cursor=page.next_cursor)


@router.post("/collections/{collection}/documents", status_code=202, openapi_extra=_UPLOAD_BODY)
def add_documents(
    collection: str,
    service: Serving,
    beside: Beside,
    caller: Ingester,
    upload: Annotated[Upload, Depends(read_upload)],
    key: IdempotencyKey = None,
) -> JobAccepted:
    """Takes documents, which a process beside the server ingests: the job tells how far it is.

    What has been accepted is not lost when the server stops or dies.
    """
    if not caller.sees(collection):
        caller.require_collection(collection, store=service.store)
    job_id = uploads.accept(upload, collection=collection, caller=caller.id, key=key, service=service)
    beside.wake()
    return JobAccepted(job_id=job_id, collection=collection, documents=len(upload), url=f"/v1/jobs/{job_id}")


@router.get("/documents/{document_id:path}")
def show_document(
    document_id: str, service: Serving, caller: KnownSearcher, collection: InCollection = None
) -> DocumentJson:
    """A document with its text, to which the spans of citations refer."""
    return DocumentJson.of(_document(document_id, collection, store=service.store, caller=caller))


@router.delete("/documents/{document_id:path}")
def delete_document(document_id: str, service: Serving, caller: Ingester, collection: InCollection = None) -> Deleted:
    """Deletes a document: no search finds it from now on."""
    found = _document(document_id, collection, store=service.store, caller=caller)
    service.store.documents.delete(document_id, collection=found.document.collection)
    return Deleted(id=document_id, object="document")


def _document(document_id: str, collection: str | None, *, store: Store, caller: Caller) -> StoredDocument:
    """The document among those that the caller may read. Raises NotFound, or Conflict if there are several."""
    if collection is not None:
        caller.require_collection(collection, store=store)
        return store.documents.get(document_id, collection=collection, where=caller.readable)
    if caller.collections is None:
        return store.documents.get(document_id, where=caller.readable)
    found: list[StoredDocument] = []
    for info in store.collections.list():
        if caller.sees(info.name):
            try:
                found.append(store.documents.get(document_id, collection=info.name, where=caller.readable))
            except NotFound:
                continue
    if not found:
        raise NotFound(f"document {document_id[:200]!r} is not known")
    if len(found) > 1:
        names = ", ".join(item.document.collection for item in found)
        raise Conflict(f"several collections hold a document {document_id!r}: {names}; say which one is meant")
    return found[0]
