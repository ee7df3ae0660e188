"""Documents and questions through LangChain's vector store, retriever and embeddings, beyond its own suites."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index

from api.compose import Service, build
from api.langchain import GroundingEmbeddings, GroundingRetriever, GroundingVectorStore, LangChainEmbedder
from grounding.errors import ConfigurationError, GroundingError, InvalidRequest, ModelError
from grounding.pipeline import Ask
from grounding.settings import Settings
from ingest.loaders.files import normal
from tests.api.conftest import DOCUMENTS, settings_of
from tests.api.langchain_models import NAME, Ragged, Recording, words

LEAVE = "Employees in the EU may carry over at most five days of unused annual leave."
HOTEL = "The hotel limit in Dublin is 180 EUR per night."
LONG = " ".join(f"Rule {number} says that gate {number} closes at {number} o'clock." for number in range(1, 60))


@pytest.fixture
def notes(service: Service) -> GroundingVectorStore:
    return GroundingVectorStore(service, "notes")


def _ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_what_is_added_is_found_by_all_that_search_the_home(
    service: Service, settings: Settings, notes: GroundingVectorStore
) -> None:
    with build(settings) as elsewhere:
        GroundingVectorStore(elsewhere, "notes")
        assert elsewhere.grounder.search(Ask("hotel limit", collection="notes")).evidence == ()
        ids = notes.add_texts([LEAVE, HOTEL], [{"title": "Leave"}, {"title": "Travel", "lang": "en"}])
        for asked in (service, elsewhere):
            found = asked.grounder.answer(Ask("What is the hotel limit in Dublin?", collection="notes"))
            assert found.answer is not None
            assert [citation.document_id for citation in found.answer.citations] == [ids[1]]
            assert found.answer.citations[0].title == "Travel"
    (info, _) = service.store.documents.list("notes").items
    assert info.source == f"library#{info.id}"


def test_what_is_longer_than_the_window_is_cut_and_nothing_of_it_is_lost(service: Service) -> None:
    model = Recording()
    embedder = LangChainEmbedder(model, count_tokens=words, max_tokens=40)
    store = GroundingVectorStore(service, "rules", embedding=embedder)
    store.add_documents([Document(LONG, id="rules", metadata={"lang": "en"})])
    assert max(len(text.split()) for text in model.texts) <= 40
    assert set(" ".join(model.texts).split()) == set(LONG.split())
    (found,) = store.similarity_search("When does gate 47 close?", k=1)
    assert "gate 47" in found.page_content
    assert found.id == "rules"
    assert LONG[found.metadata["start"] : found.metadata["end"]] == found.page_content
    assert store.get_by_ids(["rules"]) == [Document(LONG, id="rules", metadata={"lang": "en"})]


def test_a_filter_and_groups_narrow_every_search(service: Service, notes: GroundingVectorStore) -> None:
    notes.add_documents(
        [
            Document(LEAVE, id="leave", metadata={"lang": "en", "year": 2024}),
            Document(HOTEL, id="hotel", metadata={"lang": "de", "year": 2025}),
            Document("The hotel limit of the board is 900 EUR.", id="board", metadata={"groups": ["board"]}),
        ]
    )
    assert _ids(notes.similarity_search("hotel limit", filter={"lang": "en"})) == ["leave"]
    assert _ids(notes.similarity_search("hotel", filter={"$or": [{"year": {"$gt": 2024}}, {"lang": "fr"}]})) == [
        "hotel"
    ]
    assert set(_ids(notes.similarity_search("hotel limit"))) == {"leave", "hotel", "board"}
    outsider = GroundingVectorStore(service, "notes", groups=[])
    member = GroundingVectorStore(service, "notes", groups=["board"])
    vector = GroundingEmbeddings(service).embed_query("hotel limit of the board")
    for readers, reads in ((outsider, False), (member, True)):
        found = (
            readers.similarity_search("hotel limit of the board"),
            [document for document, _ in readers.similarity_search_with_score("hotel limit of the board")],
            readers.similarity_search_by_vector(vector),
            readers.max_marginal_relevance_search("hotel limit of the board"),
            readers.get_by_ids(["board", "leave"]),
            readers.as_retriever(search_kwargs={"k": 3}).invoke("hotel limit of the board"),
        )
        assert [("board" in _ids(documents)) for documents in found] == [reads] * len(found)
    with pytest.raises(InvalidRequest, match=r"\$is"):
        notes.similarity_search("hotel", filter={"lang": {"$is": "en"}})


def test_arguments_that_nobody_knows_are_refused(notes: GroundingVectorStore) -> None:
    with pytest.raises(TypeError, match="'filtre'"):
        notes.similarity_search("hotel", filtre={"lang": "en"})
    with pytest.raises(InvalidRequest, match="k: expected 1"):
        notes.similarity_search("hotel", k=0)
    with pytest.raises(InvalidRequest, match="ids: expected one for each of 1"):
        notes.add_documents([Document(HOTEL)], ids=["a", "b"])
    with pytest.raises(InvalidRequest, match="grounding collection delete notes"):
        notes.delete()


def test_scores_are_cosines_and_relevance_is_between_0_and_1(notes: GroundingVectorStore) -> None:
    notes.add_texts([LEAVE, HOTEL], ids=["leave", "hotel"])
    (best, cosine), (_, other) = notes.similarity_search_with_score(HOTEL, k=2)
    assert best.id == "hotel"
    assert cosine == pytest.approx(1.0, abs=1e-5)
    assert other < cosine
    with warnings.catch_warnings(action="error"):  # LangChain warns of relevance beyond these bounds
        found = notes.similarity_search_with_relevance_scores(HOTEL, k=2, score_threshold=0.9)
    assert [document.id for document, _ in found] == ["hotel"]


def test_vectors_of_any_length_search_and_others_are_refused(service: Service, notes: GroundingVectorStore) -> None:
    assert notes.similarity_search_by_vector([1.0, 2.0]) == []
    notes.add_texts([LEAVE, HOTEL], ids=["leave", "hotel"])
    vector = GroundingEmbeddings(service).embed_query(HOTEL)
    assert _ids(notes.similarity_search_by_vector([7 * value for value in vector], k=1)) == ["hotel"]
    for wrong in ([0.0] * len(vector), [float("nan")] * len(vector), vector[:-1]):
        with pytest.raises(InvalidRequest):
            notes.similarity_search_by_vector(wrong)


def test_marginal_relevance_prefers_what_differs(notes: GroundingVectorStore) -> None:
    notes.add_texts([HOTEL, f"{HOTEL} {HOTEL}", "Hotel rooms in Kanazawa need an approval."], ids=["a", "b", "c"])
    assert set(_ids(notes.similarity_search(HOTEL, k=2))) == {"a", "b"}
    assert set(_ids(notes.max_marginal_relevance_search(HOTEL, k=2, lambda_mult=0.1))) in ({"a", "c"}, {"b", "c"})
    assert set(_ids(notes.max_marginal_relevance_search(HOTEL, k=2, lambda_mult=1.0))) == {"a", "b"}


def test_what_is_unchanged_is_not_embedded_again(service: Service) -> None:
    model = Recording()
    store = GroundingVectorStore(service, "notes", embedding=model)
    store.add_texts([LEAVE, HOTEL], ids=["leave", "hotel"])
    del model.texts[:]
    store.add_texts([LEAVE, HOTEL + " Ask first."], ids=["leave", "hotel"])
    assert model.texts == [HOTEL + " Ask first."]
    versions = {info.id: info.version for info in service.store.documents.list("notes").items}
    assert versions == {"leave": 1, "hotel": 2}


def test_one_text_under_two_ids_is_two_documents_and_the_last_of_one_id_holds(notes: GroundingVectorStore) -> None:
    assert notes.add_texts([HOTEL, HOTEL], ids=["a", "b"]) == ["a", "b"]
    assert set(_ids(notes.similarity_search(HOTEL))) == {"a", "b"}
    assert notes.add_texts(["one", "two"], ids=["c", "c"]) == ["c", "c"]
    assert notes.get_by_ids(["c"])[0].page_content == "two"


def test_a_document_of_a_file_is_updated_where_it_stands(service: Service, handbook: str) -> None:
    info = next(info for info in service.store.documents.list(handbook).items if info.source.endswith("travel.md"))
    store = GroundingVectorStore(service, handbook)
    (found,) = store.similarity_search("hotel limit in Dublin", k=1)
    assert found.id == info.id
    store.add_texts(["The hotel limit in Dublin is 210 EUR."], ids=[info.id])
    after = service.store.documents.get(info.id, collection=handbook)
    assert (after.document.source, after.document.version) == (info.source, 2)
    assert len(service.store.documents.list(handbook).items) == len(DOCUMENTS)


def test_deleted_documents_are_gone_everywhere(service: Service, notes: GroundingVectorStore) -> None:
    notes.add_texts([LEAVE, HOTEL], ids=["leave", "hotel"])
    assert notes.delete(["hotel", "never there"]) is True
    assert _ids(notes.similarity_search(HOTEL)) == ["leave"]
    assert {document.id for document in GroundingRetriever(service=service, collection="notes").invoke(HOTEL)} == {
        "leave"
    }


async def test_it_is_made_from_texts(service: Service) -> None:
    store = GroundingVectorStore.from_texts(
        [HOTEL], GroundingEmbeddings(service), [{"lang": "en"}], ids=["hotel"], service=service, collection="made"
    )
    assert store.get_by_ids(["hotel"]) == [Document(HOTEL, id="hotel", metadata={"lang": "en"})]
    assert isinstance(store.embeddings, GroundingEmbeddings)
    model = Recording()
    documents = [Document(LEAVE, id="leave")]
    other = await GroundingVectorStore.afrom_documents(documents, model, service=service, collection="other")
    assert other.embeddings is model
    assert _ids(await other.asimilarity_search(LEAVE)) == ["leave"]
    with pytest.raises(InvalidRequest, match="service"):
        GroundingVectorStore.from_texts([HOTEL], model)


def test_langchains_indexing_keeps_it_in_step_with_its_source(notes: GroundingVectorStore) -> None:
    manager = InMemoryRecordManager("notes")
    manager.create_schema()

    def indexed(*texts: str) -> dict[str, int]:
        documents = [Document(text, metadata={"source": "file"}) for text in texts]
        told = index(documents, manager, notes, cleanup="full", source_id_key="source", key_encoder="sha256")
        return {name: number for name, number in dict(told).items() if number}  # type: ignore[misc]

    assert indexed(LEAVE, HOTEL) == {"num_added": 2}
    assert indexed(LEAVE, HOTEL) == {"num_skipped": 2}
    assert indexed(LEAVE) == {"num_skipped": 1, "num_deleted": 1}
    assert [document.page_content for document in notes.similarity_search(HOTEL)] == [LEAVE]


def test_a_model_of_another_name_does_not_mix_with_the_vectors(service: Service) -> None:
    store = GroundingVectorStore(service, "notes", embedding=Recording("bags-1"))
    store.add_texts([HOTEL], ids=["hotel"])
    again = GroundingVectorStore(service, "notes", embedding=Recording("bags-1"))
    assert _ids(again.similarity_search(HOTEL)) == ["hotel"]
    other = GroundingVectorStore(service, "notes", embedding=Recording("bags-2"))
    with pytest.raises(ConfigurationError, match="holds vectors of"):
        other.add_texts([LEAVE])
    with pytest.raises(ConfigurationError, match="holds vectors of"):
        other.similarity_search(HOTEL)


def test_a_named_model_is_found_by_the_whole_service(service: Service) -> None:
    from tests.api.langchain_models import named

    embedder = named(service.settings)
    GroundingVectorStore(service, "notes", embedding=embedder).add_texts([LEAVE, HOTEL], ids=["leave", "hotel"])
    found = service.grounder.search(Ask("hotel limit in Dublin", collection="notes"))
    assert found.evidence[0].passage.document_id == "hotel"
    assert found.evidence[0].signals.dense is not None
    assert embedder.fingerprint.name == NAME
    assert _ids(GroundingVectorStore(service, "notes").similarity_search(HOTEL, k=1)) == ["hotel"]


@pytest.mark.parametrize(
    ("model", "says"), [(Recording(), "Recording failed with ValueError"), (Ragged(), "Ragged answered")]
)
def test_a_model_that_fails_is_named_and_stores_nothing(service: Service, model: Recording, says: str) -> None:
    store = GroundingVectorStore(service, "notes", embedding=model)
    with pytest.raises(GroundingError, match=says) as failed:
        store.add_texts([LEAVE, "This is poison."], ids=["leave", "poison"])
    assert "hunter2" not in str(failed.value)
    assert store.get_by_ids(["leave", "poison"]) == []


def test_vectors_that_cannot_be_compared_are_refused() -> None:
    embedder = LangChainEmbedder(Ragged(), count_tokens=words)
    with pytest.raises(ModelError, match="Ragged answered nonsense"):
        embedder.embed_passages(["a", "b"])
    with pytest.raises(ModelError, match="Ragged answered with 1 dimensions, and with 256 before"):
        embedder.embed_passages(["a"])


def test_many_may_add_at_once(notes: GroundingVectorStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: notes.add_texts([f"note {number}"], ids=[str(number)]), range(12)))
    assert len(notes.get_by_ids([str(number) for number in range(12)])) == 12


def test_texts_beyond_the_window_are_told_of(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    embeddings = GroundingEmbeddings(service)
    assert embeddings.embed_documents([]) == []
    with caplog.at_level(logging.WARNING):
        long = " ".join(f"w{number}" for number in range(2000))
        assert len(embeddings.embed_documents(["short", long])) == 2
    assert "1 of 2 texts are longer than the 512 tokens" in caplog.text
    assert "w1999" not in caplog.text


_numbers = count()
_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=4).filter(str.strip)
_texts = st.text(st.characters(codec="utf-8"), max_size=40)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with build(settings_of(tmp_path_factory.mktemp("shared") / "home")) as opened:
        yield opened


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.dictionaries(_names, _texts, max_size=4)), max_size=4))
def test_it_holds_what_was_put_last_and_not_deleted(shared: Service, steps: list[tuple[bool, dict[str, str]]]) -> None:
    store = GroundingVectorStore(shared, f"model-{next(_numbers)}")
    kept: dict[str, str] = {}
    for adding, documents in steps:
        if adding:
            assert store.add_texts(list(documents.values()), ids=list(documents)) == list(documents)
            kept |= documents
        else:
            store.delete(list(documents))
            kept = {name: text for name, text in kept.items() if name not in documents}
        seen = {name for _, documents in steps for name in documents}
        found = {document.id: document.page_content for document in store.get_by_ids(sorted(seen))}
        assert found == {name: normal(text) for name, text in kept.items()}


def test_a_retriever_tells_where_each_passage_stands(service: Service, handbook: str) -> None:
    retriever = GroundingRetriever(service=service, collection=handbook, k=2)
    found = retriever.invoke("hotel limit in Dublin")
    assert 1 <= len(found) <= 2
    best = found[0]
    metadata = best.metadata
    text = service.store.documents.get(str(best.id), collection=handbook).document.text
    assert text[metadata["start"] : metadata["end"]] == best.page_content
    assert metadata["source"].endswith("travel.md")
    assert metadata["title"]
    assert (metadata["rank"], metadata["document_id"], metadata["version"]) == (1, best.id, 1)
    assert metadata["score"] > 0
    record = service.store.exchanges.get(metadata["trace_id"])
    assert record.evidence[0].passage.id == metadata["passage_id"]
    assert "Service(" not in repr(retriever)


async def test_a_retriever_keeps_to_filters_and_groups(service: Service, notes: GroundingVectorStore) -> None:
    notes.add_documents(
        [
            Document(HOTEL, id="open", metadata={"lang": "en", "source": "intranet"}),
            Document("The hotel limit in Dublin for the board is 900 EUR.", id="board", metadata={"groups": "board"}),
            Document("Das Hotel in Dublin kostet 180 EUR.", id="de", metadata={"lang": "de"}),
        ]
    )
    outsider = GroundingRetriever(service=service, collection="notes", groups=frozenset())
    member = GroundingRetriever(service=service, collection="notes", groups=frozenset({"board"}))
    assert "board" not in _ids(await outsider.ainvoke("hotel limit in Dublin for the board"))
    assert "board" in _ids(await member.ainvoke("hotel limit in Dublin for the board"))
    english = GroundingRetriever(service=service, collection="notes", filter={"lang": "en"})
    (found,) = await english.ainvoke("hotel in Dublin")
    assert (found.id, found.metadata["source"]) == ("open", "intranet")
    assert await english.ainvoke("hotel in Dublin", filter={"lang": "de"}) == []
    assert len(await member.ainvoke("hotel in Dublin", k=1)) == 1
