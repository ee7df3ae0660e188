"""Queries searched and scored, kept in a file and read back, put together, compared, written and drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grounding.errors import InvalidRequest
from grounding.evaluation import markdown, measure, plot, record, summary
from grounding.evaluation.dataset import Dataset, Documents, Query
from grounding.evaluation.record import HYBRID, RAW, Evaluation
from grounding.pipeline import Ask
from grounding.values import Evidence, Exchange, Hit, Leg, Question, Step, Turn
from tests.fakes import MemoryCorpus, passage

PASSAGES = [passage(number, f"text {number}", title=f"Title {number}") for number in range(1, 6)]
EARLIER = (Turn("user", "What of leave?"), Turn("assistant", "Ten days."))


def dataset(*queries: Query, qrels: dict[str, dict[str, int]]) -> Dataset:
    documents = Documents(5, {"d1": "Title 1", "d9": "Title 9"}, "c0ffee")
    return Dataset("tiny", Path("tiny"), queries, qrels, documents)


def answering(ranking: list[int], *legs: Leg, evidence: tuple[int, ...] = ()) -> Exchange:
    given = tuple(Evidence(rank, 1 / rank, PASSAGES[number - 1]) for rank, number in enumerate(evidence, start=1))
    return Exchange(
        trace_id="t",
        kind="search",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        collection="default",
        question=Question("q", "q", "standing alone", "en"),
        outcome="found",
        ranking=tuple(Hit(number, 1 / rank) for rank, number in enumerate(ranking, start=1)),
        legs=legs,
        evidence=given,
        steps=(Step("total", 2.0),),
    )


def measured(
    data: Dataset, search: Callable[[Ask], Exchange] = lambda ask: answering([2, 1]), *, legs: bool = False
) -> Evaluation:
    return measure.run(data, search=search, corpus=MemoryCorpus(*PASSAGES), legs=legs)


def test_the_measures_by_hand() -> None:
    found = measured(dataset(Query("q1", "a"), qrels={"q1": {"d1": 1, "d9": 1}}))
    (result,) = found.results
    assert result.runs[HYBRID].documents == ("d2", "d1")
    ideal = 1 + 0.6309297535714574  # 1 / log2(3)
    assert result.runs[HYBRID].scores == pytest.approx(
        {"ndcg@10": 0.6309297535714574 / ideal, "recall@10": 0.5, "recall@100": 0.5, "mrr@10": 0.5}
    )
    assert result.forms == {"asked": "q", "standalone": "standing alone"}
    assert found.titles["d2"] == "Title 2"
    assert found.titles["d9"] == "Title 9"


def test_a_query_that_finds_nothing_counts_as_nothing() -> None:
    data = dataset(Query("q1", "a"), Query("q2", "b"), qrels={"q1": {"d1": 1}, "q2": {"d1": 1}})
    found = measured(data, lambda ask: answering([1] if ask.text == "a" else []))
    assert [result.runs[HYBRID].scores["mrr@10"] for result in found.results] == [1, 0]
    assert summary.summarise(found).all.runs[HYBRID]["ndcg@10"].mean == pytest.approx(0.5)


def test_a_caller_gets_the_evidence_first() -> None:
    data = dataset(Query("q1", "a"), qrels={"q1": {"d1": 1}})
    found = measured(data, lambda ask: answering([1, 2, 3], evidence=(3, 1)))
    assert found.results[0].runs[HYBRID].documents == ("d3", "d1", "d2")


def test_a_leg_takes_the_best_rank_of_any_form() -> None:
    legs = (
        Leg("dense", "q", (Hit(1, 0.9), Hit(2, 0.8), Hit(3, 0.7))),
        Leg("dense", "standing alone", (Hit(3, 0.9), Hit(4, 0.8)), form="standalone"),
        Leg("lexical", "q", ()),
    )
    data = dataset(Query("q1", "a"), qrels={"q1": {"d3": 1}})
    found = measured(data, lambda ask: answering([1], *legs), legs=True)
    runs = found.results[0].runs
    assert runs["dense"].documents == ("d1", "d3", "d2", "d4")
    assert runs["lexical"].documents == ()
    assert runs["lexical"].scores["ndcg@10"] == 0
    assert set(measured(data, lambda ask: answering([1], *legs)).runs) == {HYBRID}
    assert found.results[0].signals == {"top fused score": 1.0, "top dense score": 0.9}


def test_follow_ups_are_searched_without_their_history_too() -> None:
    asked: list[Ask] = []

    def search(ask: Ask) -> Exchange:
        asked.append(ask)
        return answering([1] if ask.history else [2, 1])

    follow_up, first = Query("q1", "and?", EARLIER, leans=True), Query("q2", "what?")
    found = measured(dataset(follow_up, first, qrels={"q1": {"d1": 1}, "q2": {"d1": 1}}), search)
    assert [(ask.text, ask.history) for ask in asked] == [("and?", EARLIER), ("and?", ()), ("what?", ())]
    groups = {group.name: group for group in summary.summarise(found).groups}
    assert groups["follow-ups"].runs[HYBRID]["mrr@10"].mean == 1
    assert groups["follow-ups"].runs[RAW]["mrr@10"].mean == 0.5
    assert groups["stand-alone"].runs[HYBRID] == groups["stand-alone"].runs[RAW]


def sample() -> Evaluation:
    """Ten judged queries and ten without an answer, a lexical leg that is worse, a confidence that knows."""
    lexical = Leg("lexical", "q", (Hit(2, 3.0), Hit(1, 1.0)))
    queries = [Query(f"q{n}", f"text {n}", answerability=None if n < 10 else "unanswerable") for n in range(20)]
    data = dataset(*queries, qrels={f"q{n}": {"d1": 1} for n in range(10)})
    found = measured(data, lambda ask: answering([1, 2], lexical), legs=True)
    return replace(
        found,
        results=tuple(
            replace(r, confidence=0.9 if r.judged else 0.1, signals={"top fused score": float(n % 3)})
            for n, r in enumerate(found.results)
        ),
    )


def test_the_summary() -> None:
    found = summary.summarise(sample())
    (difference,) = found.differences
    assert (difference.run, difference.other) == (HYBRID, "lexical")
    assert difference.comparison.verdict == "better"
    assert difference.comparison.difference == pytest.approx(1 - 0.6309297535714574)
    (abstention,) = found.abstention
    assert (abstention.queries, abstention.to_abstain, abstention.chance) == (20, 10, 0.5)
    assert abstention.curves["confidence"].area == pytest.approx(abstention.ideal)
    assert abstention.against["top fused score"].verdict == "better"
    assert found.search_ms == {"p50": 2.0, "p95": 2.0}


def test_underspecified_queries_count_in_a_figure_of_their_own() -> None:
    found = sample()
    found = replace(
        found,
        results=tuple(
            replace(result, answerability="underspecified") if result.id in ("q10", "q11") else result
            for result in found.results
        ),
    )
    first, second = summary.summarise(found).abstention
    assert (first.wrong, first.queries, first.to_abstain) == ("unanswerable", 18, 8)
    assert (second.queries, second.to_abstain) == (20, 10)


def test_against_an_earlier_run() -> None:
    now = sample()
    same = summary.against(now, now)
    assert same.warnings == ()
    assert {c.verdict for run in same.runs.values() for c in run.values()} == {"not distinguishable"}
    earlier = replace(now, results=tuple(replace(r, runs={HYBRID: r.runs["lexical"]}) for r in now.results[2:]))
    found = summary.against(now, replace(earlier, corpus_sha256="other", queries_sha256="other"))
    assert (found.queries, list(found.runs)) == (8, [HYBRID])
    assert found.runs[HYBRID]["ndcg@10"].verdict == "better"
    assert found.runs[HYBRID]["recall@10"].verdict == "not distinguishable"
    assert len(found.warnings) == 3
    apart = summary.against(now, replace(now, results=()))
    assert (apart.queries, apart.runs) == (0, {})


def test_the_worst_queries_come_first() -> None:
    data = dataset(*(Query(f"q{n}", f"{n}") for n in range(3)), qrels={f"q{n}": {"d1": 1} for n in range(3)})
    found = measured(data, lambda ask: answering({"0": [2, 1], "1": [1], "2": [3]}[ask.text]))
    assert [result.id for result in summary.worst(found, 2)] == ["q2", "q0"]


def test_a_file_holds_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "tiny.json"
    record.write(sample(), file)
    assert record.read(file).results == sample().results
    assert summary.summarise(record.read(file)) == summary.summarise(sample())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("format",), 2, "format"),
        (("results",), None, "results"),
        (("results", 0, "runs", "hybrid", "scores", "ndcg@10"), "high", r"results\.0\.runs\.hybrid\.scores\.ndcg@10"),
    ],
)
def test_a_file_that_is_something_else_is_refused(
    tmp_path: Path, path: tuple[str | int, ...], value: object, said: str
) -> None:
    file = tmp_path / "tiny.json"
    record.write(sample(), file)
    whole = part = json.loads(file.read_text("utf-8"))
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    file.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(InvalidRequest, match=rf"tiny\.json: not written by .*: {said}: "):
        record.read(file)
    with pytest.raises(InvalidRequest, match=r"none\.json: cannot be read"):
        record.read(tmp_path / "none.json")


def test_the_page(tmp_path: Path) -> None:
    evaluation = sample()
    text = markdown.page([(evaluation, summary.summarise(evaluation))])
    assert "| tiny: 5 documents, 10 queries | hybrid | **1.000** (1.000 to 1.000) |" in text
    assert "|  | hybrid less lexical, the best leg | +0.369 (+0.369 to +0.369): better |" in text
    assert "| tiny | unanswerable: 10 of 20 | confidence |" in text
    assert "numpy" in text
    tables = [line for line in text.split("\n") if line.startswith("|")]
    assert all(line.count("|") in (6, 7) for line in tables)
    file = tmp_path / "page.md"
    file.write_text(f"# Before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n", "utf-8")
    for _ in range(2):
        markdown.replace(file, text)
        assert file.read_text("utf-8") == f"# Before\n{markdown.BEGIN}\n{text}\n{markdown.END}\nafter\n"


@pytest.mark.parametrize("content", ["", markdown.BEGIN, f"{markdown.END}\n{markdown.BEGIN}", 2 * markdown.BEGIN])
def test_a_page_without_marks_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "page.md").write_text(content, "utf-8")
    with pytest.raises(InvalidRequest, match="must each be there once"):
        markdown.require_marks(tmp_path / "page.md")


@pytest.mark.parametrize(("name", "begins"), [("p.svg", b"<?xml"), ("p.PNG", b"\x89PNG")])
def test_a_picture(tmp_path: Path, name: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    plot.draw(sample(), summary.summarise(sample()), tmp_path / name)
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith(begins)
    assert name != "p.svg" or b"risk" in drawn
    with pytest.raises(InvalidRequest, match=r"\.svg or \.png"):
        plot.draw(sample(), summary.summarise(sample()), tmp_path / "p.doc")
