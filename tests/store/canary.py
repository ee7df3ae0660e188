"""A document with a word that stands nowhere else, and records that tell of it: to search for after an erasure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding.values import Answer, Citation, Evidence, Exchange, Message, Question, Turn
from store.documents import NewDocument
from store.open import Store
from tests.store import library

WORD = "quuxcanary7319"
TEXT = f"The naïve {WORD} of 日本 lies buried under the old oak."
QUESTION = Question("And then?", "And then?", f"what of {WORD}?\nAnd then?", "en")


def held(home: Path, *words: str) -> list[str]:
    """Files of the home folder with one of these words in their bytes, as it is or as it stands in JSON."""
    forms = {form.encode() for word in words or (WORD,) for form in (word, json.dumps(word)[1:-1])}
    contents = ((file.name, file.read_bytes()) for file in home.rglob("*") if file.is_file())
    return [name for name, content in contents if any(form in content for form in forms)]


def secret(name: str = "secret") -> NewDocument:
    new = library.document(
        name,
        TEXT,
        f"A second passage. {TEXT}",
        title=f"About {WORD}",
        metadata={"keys": {"deep": [f"under {WORD}"]}},
        names=[WORD],
        source=f"notes/{WORD}.md",
    )
    return replace(new, passages=tuple(replace(each, tokens=each.text.encode()) for each in new.passages))


def quoting(store: Store, trace_id: str, **changes: Any) -> Exchange:
    """A record whose evidence is all that there is, and whose answer quotes `secret`."""
    corpus = store.corpus("library")
    passages = corpus.passages([hit.passage_id for hit in library.nearest(corpus, TEXT, 100)])
    citations = tuple(
        Citation(1, p.document_id, p.source, p.title, p.version, p.id, p.start, p.end, p.text)
        for p in passages
        if p.document_id == "secret"
    )
    fields: dict[str, Any] = {
        "evidence": tuple(Evidence(rank, 1.0, found) for rank, found in enumerate(passages, start=1)),
        "messages": (Message("system", f"Evidence: {TEXT}"), Message("user", "What does it say?")),
        "answer": Answer(f"It says: {TEXT} [1].", "answered", citations),
        **changes,
    }
    return library.exchange(trace_id, **fields)


def retelling(trace_id: str, **changes: Any) -> Exchange:
    """A record whose prompt holds the answer of `quoting`, and whose own says it again."""
    fields: dict[str, Any] = {
        "messages": (Message("assistant", f"It says: {TEXT}."), Message("user", "And then?")),
        "answer": Answer(f"As I said: {TEXT}", "answered"),
        **changes,
    }
    return replace(library.exchange(trace_id, **fields), question=QUESTION)


def record(store: Store, exchange: Exchange) -> None:
    assert exchange.answer is not None
    said = (Turn("user", exchange.question.clean), Turn("assistant", exchange.answer.text))
    store.exchanges.record(exchange, turns=said if exchange.conversation_id else ())


def answers(store: Store, conversation_id: str) -> list[str]:
    turns = store.conversations.get(conversation_id).turns
    return [turn.content for turn in turns if turn.role == "assistant"]


def fill(store: Store) -> None:
    """A document that has been everywhere: in two versions, several generations, conversations, traces and jobs."""
    library.put(store, secret(), library.document("other", "Something else entirely"))
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        for turn in range(3):
            writer.put([_version(turn), library.document(f"d{turn}", f"number {turn}")])
            writer._publisher.build("vectors")
            writer._publisher.build("lexical")
    record(store, quoting(store, "t1", conversation_id="c1", caller="ada"))
    others = (Message("assistant", f"In other words, {WORD}"), Message("user", "And then?"))
    record(store, retelling("t2", conversation_id="c1", caller="ada", recalled=("t1",), messages=others))
    record(store, retelling("t3", conversation_id="c2", caller="bob"))
    store.exchanges.record(quoting(store, "t4", kind="search", answer=None, messages=()))
    job = store.jobs.start("library", sources=[f"/home/ada/notes/{WORD}.md", "/home/ada/more"])
    store.jobs.item(job, f"notes/{WORD}.md", outcome="failed", detail=f"cannot read {WORD}")
    failures = [{"source": f"notes/{WORD}.md", "detail": TEXT}, {"source": "b.md", "detail": "empty"}]
    report = {"failures": failures, "warnings": [f"notes/{WORD}.md is odd"], "seconds": 1.0}
    store.jobs.finish(job, status="done", report=json.dumps(report))


def _version(number: int) -> NewDocument:
    new = secret()
    return replace(new, document=replace(new.document, content_hash=str(number)))
