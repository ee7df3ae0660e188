"""1,000 random tenants' filters and permissions over one collection of all of them, half of them in each family of
vector indexes: no leg ever finds a passage that a plain Python reading of the same filter does not let through."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pytest

from grounding.filters import All, Clause, Filter, Not, Operator, Scalar, Some, both, readable_by
from grounding.settings import Storage
from grounding.values import FloatMatrix, FloatVector
from store.corpus import SqlCorpus
from store.documents import NewDocument
from store.open import open_store
from tests.store import library, reference

FILTERS = 500
TENANTS = 40
DOCUMENTS = 200
TAIL, GONE = 30, 40
Metadata: TypeAlias = dict[str, Any]


def _metadata(rng: random.Random, tenant: int) -> Metadata:
    """A document of the tenant says so in one of many ways; some belong to several, some to nobody."""
    name, other = f"t{tenant}", f"t{rng.randrange(TENANTS)}"
    said: Metadata = rng.choice(
        [
            {"tenant": name},
            {"tenant": [name, other]},
            {"tenant": {"id": name, "tier": tenant % 3}},
            {"tenant": [{"id": name}, {"id": other}]},
            {"tenant": tenant},
            {"tenant": [tenant, name, tenant % 2 == 0]},
            {"tenant": tenant % 2 == 0},
            {"tenant": None},
            {},
        ]
    )
    allowed: Metadata = rng.choice(
        [{}, {}, {"groups": name}, {"groups": [name, other]}, {"groups": []}, {"groups": None}, {"groups": tenant}]
    )
    return {**said, **allowed, "level": rng.choice([0, 1, 2.5, -1, "1", True, [1, 2]])}


def _document(rng: random.Random, number: int) -> NewDocument:
    tenant = rng.randrange(TENANTS)
    canaries = [f"canary{tenant} of document{number} part{part} shared" for part in range(rng.choice([1, 1, 2]))]
    return library.document(
        f"d{number:04}",
        *canaries,
        title=rng.choice(["", f"t{tenant}"]),
        metadata=_metadata(rng, tenant),
        names=[f"Tenant {tenant}", "Everybody Ltd"],
    )


def _clause(rng: random.Random, tenant: int) -> Clause:
    field = rng.choice(["tenant", "tenant.id", "tenant.tier", "level", "groups", "title", "document_id", "absent"])
    operator: Operator = rng.choice(["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists"])
    pool: Sequence[Scalar] = (f"t{tenant}", f"t{rng.randrange(TENANTS)}", tenant, tenant % 3, 1.0, True, "", "d0100")
    if operator == "$exists":
        return Clause(field, operator, (rng.random() < 0.5,))
    if operator in ("$in", "$nin"):
        return Clause(field, operator, tuple(rng.choices(pool, k=rng.randint(1, 4))))
    compared = [value for value in pool if not isinstance(value, bool)]
    return Clause(field, operator, (rng.choice(pool if operator in ("$eq", "$ne") else compared),))


def _filter(rng: random.Random, tenant: int, *, depth: int = 0) -> Filter:
    kind = rng.random()
    if depth == 3 or kind < 0.4:
        return _clause(rng, tenant)
    if kind < 0.55:
        return Not(_filter(rng, tenant, depth=depth + 1))
    parts = tuple(_filter(rng, tenant, depth=depth + 1) for _ in range(rng.randint(0 if depth else 1, 3)))
    return All(parts) if kind < 0.8 else Some(parts)


@dataclass(frozen=True)
class Shared:
    """The collection of all tenants, and every passage of it that is alive: its id, its document, its vector."""

    corpus: SqlCorpus
    is_exact: bool
    ids: tuple[int, ...]
    owners: tuple[NewDocument, ...]
    vectors: FloatMatrix

    def let_through(self, where: Filter | None, groups: frozenset[str] | None) -> list[int]:
        """Places of the passages that may be found."""
        documents = {
            new.document.id
            for new in {new.document.id: new for new in self.owners}.values()
            if reference.matches(where, new) and reference.may_read(groups, new.document.metadata)
        }
        return [place for place, new in enumerate(self.owners) if new.document.id in documents]


@pytest.fixture(scope="module", params=[Storage(), Storage(exact_passages=50)], ids=["exact", "lists"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """With a generation, a tail of passages that came since, and tombstones in both."""
    storage: Storage = request.param
    store = open_store(home=tmp_path_factory.mktemp("home"), storage=storage)
    rng = random.Random(7)
    documents = {new.document.id: new for new in (_document(rng, number) for number in range(DOCUMENTS))}
    library.put(store, *list(documents.values())[:-TAIL], publish=True)
    library.put(store, *list(documents.values())[-TAIL:])
    gone = rng.sample(sorted(documents), GONE)
    moved = [_document(rng, number) for number in rng.sample(range(DOCUMENTS), GONE)]  # to another tenant
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.delete(gone)
        writer.put(moved)
    alive = {name: new for name, new in documents.items() if name not in gone}
    alive |= {new.document.id: new for new in moved}
    corpus = store.corpus("library")
    hits = corpus.lexical("shared", 10_000)
    found = sorted(corpus.passages([hit.passage_id for hit in hits]), key=lambda passage: passage.id)
    assert sorted(passage.text for passage in found) == sorted(
        passage.text for new in alive.values() for passage in new.passages
    )
    yield Shared(
        corpus,
        storage.exact_passages > len(found),
        tuple(passage.id for passage in found),
        tuple(alive[passage.document_id] for passage in found),
        np.stack([library.vector(passage.text) for passage in found]),
    )
    store.close()


def test_no_leg_finds_what_a_filter_or_a_permission_holds_back(shared: Shared) -> None:
    rng, recalls = random.Random(int(shared.is_exact)), []
    for number in range(FILTERS):
        tenant = rng.randrange(TENANTS)
        where = _filter(rng, tenant) if number % 10 else None
        groups = rng.choice([None, frozenset[str](), frozenset((f"t{tenant}",)), frozenset((f"t{tenant}", "t3", ""))])
        searched = both(readable_by(groups), where)
        eligible = shared.let_through(where, groups)
        allowed = {shared.ids[place] for place in eligible}
        k = rng.choice([1, 10, 10_000])
        recalls.append(_dense(shared, rng.choice(shared.vectors), k, searched, eligible))
        words = shared.corpus.lexical("shared", k, where=searched)
        names = shared.corpus.entity(f"everybody ltd, tenant {tenant}", k, where=searched)
        for hits in (words, names):
            found = {hit.passage_id for hit in hits}
            assert found <= allowed
            assert len(found) == len(hits) == min(k, len(allowed))
        canary = f"canary{tenant}"
        theirs = {shared.ids[place] for place in eligible if canary in shared.owners[place].document.text.split()}
        # A code is found by its parts as well: by "canary" of another tenant, behind those that have it whole.
        birds = [hit.passage_id for hit in shared.corpus.lexical(canary, 10_000, where=searched)]
        assert set(birds) <= allowed
        assert set(birds[: len(theirs)]) == theirs
        assert shared.corpus.knows(canary, where=searched) is bool(theirs)
    assert np.mean(recalls) > 0.99


def _dense(shared: Shared, query: FloatVector, k: int, searched: Filter | None, eligible: Sequence[int]) -> float:
    """The share of the true k nearest among those found, which all are eligible."""
    hits = shared.corpus.dense(query, k, fingerprint=library.FINGERPRINT, where=searched)
    found = [hit.passage_id for hit in hits]
    assert len(set(found)) == len(found) == min(k, len(eligible))
    scores = {shared.ids[place]: float(shared.vectors[place] @ query) for place in eligible}
    assert set(found) <= set(scores)
    assert [hit.score for hit in hits] == pytest.approx([scores[hit.passage_id] for hit in hits], abs=2e-6)
    nearest = sorted(scores, key=lambda passage_id: (-scores[passage_id], passage_id))[:k]
    if shared.is_exact:
        assert [scores[one] for one in found] == pytest.approx([scores[one] for one in nearest], abs=2e-6)
    return len(set(found) & set(nearest)) / len(nearest) if nearest else 1.0
