"""The entity index: what a name finds, how much it weighs, and that nobody learns of names that are not theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from alembic import command
from grounding.entities import without_overlaps
from grounding.filters import readable_by
from grounding.values import Entity
from store.database import Database, migrations
from store.documents import NewDocument
from store.open import Store, open_store
from tests.store import library


def speaking(
    name: str, *texts: str, names: Sequence[tuple[str, str]] = (), title: str = "", **of: object
) -> NewDocument:
    """A document whose passages mention those of the names that they write out."""
    new = library.document(name, *texts, title=title, metadata=of)
    passages = tuple(
        replace(
            passage,
            entities=without_overlaps(
                Entity(found, label, at, at + len(found))
                for found, label in names
                if (at := passage.text.find(found)) >= 0
            ),
        )
        for passage in new.passages
    )
    return replace(new, passages=passages)


def others(number: int) -> list[NewDocument]:
    """Documents of other names, so that a name is rare."""
    return [library.document(f"other{n}", f"text {n}", names=[f"Nobody {n}"]) for n in range(number)]


def found(store: Store, question: str, *, groups: frozenset[str] | None = None) -> dict[str, float]:
    """Scores by text of the passage."""
    corpus = store.corpus("library")
    hits = corpus.entity(question, 50, language="en", where=readable_by(groups))
    texts = {passage.id: passage.text for passage in corpus.passages([hit.passage_id for hit in hits])}
    return {texts[hit.passage_id]: hit.score for hit in hits}


KEEPER = [("Niamh Tolland", "PERSON"), ("Tolland", "PERSON"), ("Sallowford Tidal Works", "ORG")]


def test_a_name_is_surest_where_title_and_text_write_it_and_least_where_it_follows_from_another(store: Store) -> None:
    about = speaking("about", "Niamh Tolland came.", "She left.", names=KEEPER, title="Niamh Tolland")
    aside = speaking("aside", "They met Niamh Tolland.", "Then Tolland left.", names=KEEPER)
    library.put(store, about, aside, *others(450))
    scores = found(store, "when did niamh tolland leave?")
    assert list(scores) == ["Niamh Tolland came.", "She left.", "They met Niamh Tolland.", "Then Tolland left."]
    assert list(scores.values()) == pytest.approx([1.0, 0.8, 0.8, 0.5], abs=1e-5)


def test_a_passage_that_mentions_all_the_names_is_before_one_that_mentions_the_rarest(store: Store) -> None:
    both = speaking("both", "Niamh Tolland ran the Sallowford Tidal Works.", names=KEEPER)
    rare = speaking("rare", "Niamh Tolland was born.", names=KEEPER)
    more = [speaking(f"w{n}", f"Sallowford Tidal Works {n}.", names=KEEPER) for n in range(5)]
    library.put(store, both, rare, *more, *others(600))
    scores = found(store, "Did Niamh Tolland see the Sallowford Tidal Works?")
    assert list(scores)[:3] == [both.passages[0].text, rare.passages[0].text, "Sallowford Tidal Works 0."]
    assert scores[both.passages[0].text] == pytest.approx(0.8, abs=1e-5)
    assert set(found(store, "the STW")) == {both.passages[0].text, *(new.passages[0].text for new in more)}


def test_a_name_that_most_passages_mention_scores_little(store: Store) -> None:
    library.put(store, *(speaking(f"w{n}", f"Sallowford Tidal Works {n}.", names=KEEPER) for n in range(40)))
    assert max(found(store, "Sallowford Tidal Works").values()) < 0.15


def test_a_recognised_name_that_nothing_mentions_takes_from_the_others(store: Store) -> None:
    library.put(store, speaking("a", "Niamh Tolland came.", names=KEEPER), *others(200))
    corpus, question = store.corpus("library"), "Did Zorb meet Niamh Tolland?"
    (alone,) = corpus.entity(question, 5)
    (less,) = corpus.entity(question, 5, entities=(Entity("Zorb", "PERSON", 4, 8),))
    assert less.score < alone.score


def test_what_one_may_not_read_changes_no_score(store: Store) -> None:
    open_to_all = [speaking("a", "Niamh Tolland came.", names=KEEPER), *others(50)]
    library.put(store, *open_to_all)
    question = "What did Niamh Tolland do at the Sallowford Tidal Works?"
    before = found(store, question)
    secret = [
        speaking(f"s{n}", f"Niamh Tolland ran the Sallowford Tidal Works {n}.", names=KEEPER, groups=["board"])
        for n in range(20)
    ]
    library.put(store, *secret)
    assert found(store, question, groups=frozenset()) == before
    assert len(found(store, question, groups=frozenset(("board",)))) == 21
    assert found(store, "Sallowford Tidal Works", groups=frozenset()) == {}


def test_a_passage_has_the_language_that_it_was_given(store: Store) -> None:
    new = library.document("a", "one", "two")
    first, second = new.passages
    library.put(store, replace(new, passages=(replace(first, language="fr"), second)))
    corpus = store.corpus("library")
    assert [passage.language for passage in corpus.passages([1, 2])] == ["fr", "und"]


def test_names_and_passages_of_an_older_database_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = open_store(home=home)
    library.put(store, speaking("a", "Niamh Tolland came.", "Tolland left.", names=KEEPER))
    store.close()
    opened = Database(home=home)
    config = migrations()
    with opened.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        rows = connection.execute(text("SELECT passage_id, name FROM passage_entities ORDER BY 1, 2")).all()
    opened.close()
    assert [tuple(row) for row in rows] == [(1, "niamh tolland"), (2, "tolland")]
    again = open_store(home=home)
    corpus = again.corpus("library")
    assert [passage.language for passage in corpus.passages([1, 2])] == ["en", "en"]
    assert [hit.passage_id for hit in corpus.entity("niamh tolland", 5)] == [1]
    again.close()
