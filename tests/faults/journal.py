"""The journal: what a child was about to do, and what it was told is done. It outlives the child.

One JSON object a line, each fsynced, and between line ends of its own: a kill may have cut off the line before. What
was begun and not ended when the child died may be there or not, but only as a whole: the checker looks which, and
writes down what it found.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.linking import mentions
from grounding.values import Fingerprint, FloatMatrix
from store.documents import NewDocument


def digest(
    source: str, title: str, text: str, metadata: object, passages: Iterable[tuple[object, ...]], names: Iterable[str]
) -> str:
    """What a document is, with all that hangs on it but its vectors. `passages` are start, end, heading, text and the
    hash of the embedded text of each; `names` are those that they mention."""
    whole = json.dumps([source, title, text, metadata, list(passages), sorted(names)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def vector_digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()[:16]


def revision_of(fingerprint: Fingerprint) -> str:
    return f"{fingerprint.name} {fingerprint.revision}"


def digest_of(new: NewDocument) -> str:
    document = new.document
    rows = [(p.start, p.end, p.heading, p.text, p.embed_hash) for p in new.passages]
    found = mentions(document.title, [(p.text, p.entities) for p in new.passages])
    names = [name for mentioned in found for name in mentioned]
    return digest(document.source, document.title, document.text, document.metadata, rows, names)


@dataclass(frozen=True, slots=True)
class Held:
    """A document as it must be there."""

    digest: str
    version: int
    embedded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one collection: documents put, with digest and hashes of what was embedded, or ids deleted; erased
    ones leave nothing to remember them by. Or the way `back` to what was saved."""

    key: str
    collection: str
    put: Mapping[str, tuple[str, frozenset[str]]]
    deleted: Sequence[str]
    erased: bool = False
    back: bool = False


@dataclass(slots=True)
class Expected:
    """What must be there, by collection and id; what may be there; and what was embedded although it was there.

    `made` has the digest of the vector that an embedder, known by its fingerprint, made of an embedded text.

    A run may well embed what it has itself just stored: it works on several batches at a time. What was there when it
    began is another matter.
    """

    documents: dict[str, dict[str, Held]] = field(default_factory=dict)
    retired: dict[tuple[str, str], int] = field(default_factory=dict)
    open: dict[str, Step] = field(default_factory=dict)
    vectors: Counter[str] = field(default_factory=Counter)
    made: dict[tuple[str, str], str] = field(default_factory=dict)
    saved: Expected | None = None
    first: str | None = None
    embedded: int = 0
    wasted: int = 0

    def of(self, collection: str) -> dict[str, Held]:
        return self.documents.setdefault(collection, {})

    def after(self, step: Step) -> dict[str, Held]:
        """Documents of the step's collection once it is done."""
        if step.back:
            assert self.saved is not None
            return dict(self.saved.of(step.collection))
        there = dict(self.of(step.collection))
        for name, (its, hashes) in step.put.items():
            before = there[name].version if name in there else self.retired.get((step.collection, name), 0)
            there[name] = Held(its, before + 1, hashes)
        for name in step.deleted:
            there.pop(name, None)
        return there

    def touched(self, step: Step) -> set[str]:
        """Documents that the step may change."""
        return {*self.of(step.collection), *self.after(step)} if step.back else {*step.put, *step.deleted}

    def end(self, key: str, *, applied: bool) -> None:
        step = self.open.pop(key)
        if not applied:
            return
        before, after = self.of(step.collection), self.after(step)
        if step.back and self.saved is not None:
            self.vectors, self.retired = self.saved.vectors.copy(), dict(self.saved.retired)
        for name in (*step.put, *step.deleted):
            if name in before:
                self.vectors -= Counter(before[name].embedded)
            if name in after:
                self.vectors.update(after[name].embedded)
            elif name in before:
                self.retired[step.collection, name] = before[name].version
            if step.erased:
                self.retired.pop((step.collection, name), None)
        self.documents[step.collection] = after


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **line: object) -> None:
        with self.path.open("ab") as stream:
            stream.write(b"\n" + json.dumps(line).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def run(self) -> None:
        """A child begins."""
        self.write(kind="run")

    def embedded(self, fingerprint: Fingerprint, texts: Sequence[str], vectors: FloatMatrix) -> None:
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        digests = [vector_digest(vector.astype("<f4").tobytes()) for vector in vectors]
        self.write(kind="embedded", by=revision_of(fingerprint), vectors=dict(zip(hashes, digests, strict=True)))

    def putting(self, collection: str, documents: Sequence[NewDocument]) -> str:
        put = {
            new.document.id: (digest_of(new), sorted({passage.embed_hash for passage in new.passages}))
            for new in documents
        }
        return self._begun(collection, put=put, deleted=[])

    def deleting(self, collection: str, ids: Sequence[str]) -> str:
        return self._begun(collection, put={}, deleted=list(ids))

    def erasing(self, collection: str, ids: Sequence[str]) -> str:
        return self._begun(collection, put={}, deleted=list(ids), erased=True)

    def saved(self) -> None:
        """What is there now was saved."""
        self.write(kind="saved")

    def restoring(self, collection: str) -> str:
        return self._begun(collection, put={}, deleted=[], back=True)

    def done(self, key: str) -> None:
        self.write(kind="end", key=key, applied=True)

    def refused(self, key: str) -> None:
        self.write(kind="end", key=key, applied=False)

    def read(self) -> Expected:
        """What all lines come to."""
        expected = Expected()
        there: frozenset[str] = frozenset()
        for line in self._lines():
            match line["kind"]:
                case "run":
                    there = frozenset(expected.vectors)
                case "embedded":
                    expected.first = expected.first or line["by"]
                    expected.embedded += len(line["vectors"])
                    expected.made |= {(line["by"], name): its for name, its in line["vectors"].items()}
                    if line["by"] == expected.first:
                        expected.wasted += sum(name in there and name in expected.vectors for name in line["vectors"])
                case "saved":
                    kept = {name: dict(held) for name, held in expected.documents.items()}
                    expected.saved = Expected(kept, dict(expected.retired), vectors=expected.vectors.copy())
                case "begin":
                    put = {name: (its, frozenset(hashes)) for name, (its, hashes) in line["put"].items()}
                    kind = {name: line[name] for name in ("erased", "back") if name in line}
                    step = Step(line["key"], line["collection"], put, line["deleted"], **kind)
                    expected.open[step.key] = step
                case "end":
                    expected.end(line["key"], applied=line["applied"])
        return expected

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Lines that are whole: one that a kill cut off was not yet acted on."""
        for raw in self.path.read_bytes().splitlines() if self.path.exists() else ():
            with suppress(ValueError):
                yield json.loads(raw or b"-")

    def _begun(self, collection: str, **what: object) -> str:
        key = secrets.token_hex(8)
        self.write(kind="begin", key=key, collection=collection, **what)
        return key
