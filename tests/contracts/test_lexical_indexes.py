"""What ports.LexicalIndex promises, for every lexical index: BM25 over analysis.index_terms, ids decide ties."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding import analysis
from grounding.ports import LexicalIndex
from store.lexical import Tantivy, TermTail, Text, ceiling, weigh, write_index
from store.ranking import merged

Build = Callable[[Path, Sequence[Text]], LexicalIndex]


def _tantivy(folder: Path, texts: Sequence[Text]) -> LexicalIndex:
    target = _empty(folder)
    write_index(target, texts)
    return Tantivy(target)


def _grown(folder: Path, texts: Sequence[Text]) -> LexicalIndex:
    """As it is after a generation was built upon another, with passages that have gone since."""
    half = len(texts) // 2
    extra = [Text(1_000_000 + i, "gone", "", "gone words leave") for i in range(3)]
    base, target = _empty(folder), _empty(folder)
    write_index(base, [*texts[:half], *extra])
    write_index(target, texts[half:], base=base, removed=[text.passage_id for text in extra])
    return Tantivy(target)


def _tail(folder: Path, texts: Sequence[Text]) -> LexicalIndex:
    tail = TermTail()
    for text in texts:
        tail.add([text])
    return tail


def _empty(folder: Path) -> Path:
    target = folder / f"index-{len(list(folder.iterdir()))}"
    target.mkdir()
    return target


INDEXES = pytest.mark.parametrize("build", [_tantivy, _grown, _tail], ids=["tantivy", "grown", "tail"])
ALONE = pytest.mark.parametrize("build", [_tantivy, _tail], ids=["tantivy", "tail"])

LIBRARY = [
    Text(3, "Leave", "Carry-over", "Employees may carry over at most five days of annual leave."),
    Text(5, "休暇", "", "有給休暇は翌年度に5日まで繰り越すことができます。"),
    Text(6, "Pump", "Errors", "The pump HX-200 shows ERR-4012 when its inlet is blocked."),
    Text(9, "Canteen", "", "The canteen serves lunch from noon; the pump room is next to it."),
    Text(11, "東京", "", "東京都の本社は千代田区にあります。京都の支社とは別です。"),
]


def _ids(index: LexicalIndex, query: str, k: int = 10) -> list[int]:
    return [hit.passage_id for hit in index.search(query, k)]


@INDEXES
@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("carrying days over", 3),
        ("ERR-4012", 6),
        ("4012", 6),
        ("HX-200", 6),
        ("休暇の繰り越し", 5),
        ("東京", 11),
        ("canteen", 9),
        ("LUNCH", 9),
    ],
)
def test_finds_words_codes_and_languages_without_spaces(build: Build, tmp_path: Path, query: str, first: int) -> None:
    assert _ids(build(tmp_path, LIBRARY), query)[0] == first


@INDEXES
@pytest.mark.parametrize(
    "query", ["", "   ", "zzz", "🙂", "\x00", "AND OR NOT", '"', "terms:pump*~2 ^3", "a" * 70_000, "\ud800"]
)
def test_no_text_of_a_user_is_an_error_or_an_operator(build: Build, tmp_path: Path, query: str) -> None:
    index = build(tmp_path, LIBRARY)
    allowed = {6, 9} if "pump" in query else set()
    assert set(_ids(index, query)) <= allowed


@INDEXES
def test_title_and_heading_are_searched(build: Build, tmp_path: Path) -> None:
    index = build(tmp_path, LIBRARY)
    assert _ids(index, "errors") == [6]
    assert _ids(index, "leave") == [3]


@INDEXES
def test_ties_come_in_the_order_of_ids_also_at_the_last_place(build: Build, tmp_path: Path) -> None:
    same = [Text(key, "", "", "the very same words") for key in range(1, 301)]
    index = build(tmp_path, same)
    assert _ids(index, "same words", 5) == [1, 2, 3, 4, 5]
    found = index.search("same words", 5, without=[1, 2, 4], within=list(range(2, 300)))
    assert [hit.passage_id for hit in found] == [3, 5, 6, 7, 8]


@INDEXES
def test_more_than_there_is_and_nothing(build: Build, tmp_path: Path) -> None:
    index = build(tmp_path, LIBRARY)
    assert _ids(index, "pump", 100) == [6, 9]
    assert index.search("pump", 0) == []
    assert index.search("pump", 5, within=[]) == []
    assert index.search("pump", 5, without=[6, 9]) == []


TONGUES = [
    Text(1, "", "", "Die Häuser am Fluss wurden verkauft.", "de"),
    Text(2, "", "", "Les élèves répètent leurs leçons.", "fr"),
    Text(3, "", "", "Книги лежат на столах, ещё три на полке.", "ru"),
    Text(4, "", "", "सरकार ने नई नीतियाँ घोषित कीं।", "hi"),
    Text(5, "", "", "أعلنت الحُكومة عن المدارس الجديدة.", "ar"),
    Text(6, "", "", "นักท่องเที่ยวชอบเกาะทางใต้ของประเทศไทย", "th"),
    Text(7, "", "", "서울에서 가장 오래된 도서관입니다.", "ko"),
    Text(8, "", "", "他在茶馆里写了第十二章。", "zh"),
    Text(9, "", "", "残業の申し込みは三日前までに行う。", "ja"),
    Text(10, "", "", "Sinh viên học ở Đà Nẵng.", "vi"),
    Text(11, "", "", "Öğrenciler kütüphanede çalışıyor.", "tr"),
    Text(12, "", "", "The libraries are closing earlier.", "en"),
]


@INDEXES
@pytest.mark.parametrize("language", ["own", "und", "en", "fr"])
@pytest.mark.parametrize(
    ("query", "own", "first"),
    [
        ("Welches Haus wurde verkauft?", "de", 1),
        ("verkaufte hauser", "de", 1),
        ("la leçon d'un élève", "fr", 2),
        ("eleve lecon", "fr", 2),
        ("где лежит книга", "ru", 3),
        ("еще одна полка", "ru", 3),
        ("नीति क्या है", "hi", 4),
        ("الحكومة", "ar", 5),
        ("เกาะ", "th", 6),
        ("도서관", "ko", 7),
        ("茶", "zh", 8),
        ("申込み", "ja", 9),
        ("Đà Nẵng", "vi", 10),
        ("da nang", "vi", 10),
        ("kutuphane", "tr", 11),
        ("closed library", "en", 12),
    ],
)
def test_each_language_is_found_in_its_forms_whatever_the_question_is_taken_for(
    build: Build, tmp_path: Path, language: str, query: str, own: str, first: int
) -> None:
    found = build(tmp_path, TONGUES).search(query, 3, language=own if language == "own" else language)
    assert [hit.passage_id for hit in found][:1] == [first]


@INDEXES
@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("第12条", 2),
        ("ERR 4012", 4),
        ("err4012", 4),
        ("ERR-4012", 4),
        ("1000 Euro", 5),
        ("1,000 euro", 5),
        ("v2.3.1", 7),
        ("email", 8),
        ("covid 19", 9),
        ("growth rate", 11),
        ("rate of growth", 10),
        ("３月", 12),
        ("c++", 13),
    ],
)
def test_the_whole_of_a_code_wins_over_its_parts(build: Build, tmp_path: Path, query: str, first: int) -> None:
    bodies = [
        "第1条と第2条、12日の規定。",
        "第12条 休暇の規定。",
        "4012 ways to err, said the sign",
        "the sign said ERR-4012 again",
        "it costs 1,000 euro a year",
        "version 2 of 3 and 1 more",
        "use v2.3.1 of the driver",
        "write an e-mail to us",
        "the rules of COVID-19 in offices",
        "the rate of growth fell again",
        "a growth rate that fell again",
        "3月の予定。",
        "written in C++ long ago",
        "written in C long ago",
    ]
    index = build(tmp_path, [Text(number, "", "", body) for number, body in enumerate(bodies, start=1)])
    assert _ids(index, query)[0] == first


@INDEXES
def test_function_words_do_not_rule_but_are_found_where_there_is_nothing_else(build: Build, tmp_path: Path) -> None:
    texts = [
        Text(1, "", "", "What is what, and what is the which?", "en"),
        Text(2, "", "", "Five boilers were sold.", "en"),
        Text(3, "", "", "The Who played in Leeds.", "en"),
        Text(4, "", "", "Vaccines are tested by the WHO in Geneva, who is what.", "en"),
    ]
    index = build(tmp_path, texts)
    assert _ids(index, "what is the number of boilers that were sold?")[0] == 2
    assert _ids(index, "the who")[0] == 3
    assert 2 not in _ids(index, "what does the WHO test?")


@ALONE
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(
        st.lists(st.sampled_from(["pump", "leave", "inlet", "東京都", "ERR-4012"]), min_size=1, max_size=30).map(
            " ".join
        ),
        min_size=1,
        max_size=20,
    ),
    query=st.lists(st.sampled_from(["pump", "leave", "inlet", "東京都", "ERR-4012", "zzz"]), max_size=9).map(" ".join),
)
def test_nothing_scores_more_than_the_ceiling(build: Build, tmp_path: Path, bodies: list[str], query: str) -> None:
    texts = [Text(i + 1, "", "", body) for i, body in enumerate(bodies)]
    index = build(tmp_path, texts)
    assert isinstance(index, (Tantivy, TermTail))
    highest = ceiling(query, [index])
    assert all(hit.score <= highest + 2e-3 for hit in index.search(query, 100))
    assert ceiling(query + " zzzunknown", [index]) > highest


words = st.sampled_from(["pump", "leave", "days", "inlet", "lunch", "the", "東京都", "ERR-4012"])
text = st.lists(words, min_size=1, max_size=60).map(" ".join)


@INDEXES
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(text, min_size=1, max_size=30), query=text, data=st.data())
def test_without_and_within_hold_inside_the_search(
    build: Build, tmp_path: Path, bodies: list[str], query: str, data: st.DataObject
) -> None:
    texts = [Text(2 * i + 1, "", "", body) for i, body in enumerate(bodies)]
    index = build(tmp_path, texts)
    member = st.sampled_from([each.passage_id for each in texts] + [0, 999])
    without = data.draw(st.sets(member))
    within = data.draw(st.none() | st.sets(member))
    k = data.draw(st.integers(1, 40))
    everything = index.search(query, 1000)
    expected = [
        hit for hit in everything if hit.passage_id not in without and (within is None or hit.passage_id in within)
    ]
    found = index.search(query, k, without=list(without), within=None if within is None else list(within))
    assert found == expected[:k]


def _bm25(texts: Sequence[Text], query: str) -> dict[int, float]:
    """The formula as it is written in textbooks, over exact lengths."""
    terms = {each.passage_id: Counter(each.terms()) for each in texts}
    average = sum(sum(counts.values()) for counts in terms.values()) / len(terms)
    scores = {}
    for key, counts in terms.items():
        norm = 1.2 * (0.25 + 0.75 * sum(counts.values()) / average)
        score = 0.0
        for wanted in analysis.question(query, held=("und",)):
            (term,) = wanted.terms
            holding = sum(1 for other in terms.values() if term in other)
            idf = math.log(1 + (len(terms) - holding + 0.5) / (holding + 0.5))
            score += wanted.weight * idf * 2.2 * counts[term] / (counts[term] + norm)
        if score:
            scores[key] = score
    return scores


@ALONE
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(text.map(lambda body: body[:60]), min_size=1, max_size=20), query=text)
def test_scores_are_bm25(build: Build, tmp_path: Path, bodies: list[str], query: str) -> None:
    # Lengths up to 40 are kept exactly.
    texts = [Text(i + 1, "", "", " ".join(body.split()[:6])) for i, body in enumerate(bodies)]
    found = {hit.passage_id: hit.score for hit in build(tmp_path, texts).search(query, 100)}
    assert found == pytest.approx(_bm25(texts, query), abs=2e-3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(text, min_size=2, max_size=30), query=text, data=st.data())
def test_two_indexes_together_weigh_terms_as_one(
    tmp_path: Path, bodies: list[str], query: str, data: st.DataObject
) -> None:
    texts = [Text(i + 1, "", "", body) for i, body in enumerate(bodies)]
    cut = data.draw(st.integers(1, len(texts) - 1))
    folder = _empty(tmp_path)
    write_index(folder, texts[:cut])
    base, tail, whole = Tantivy(folder), TermTail(), TermTail()
    tail.add(texts[cut:])
    whole.add(texts)
    weights = weigh(query, [base, tail])
    assert weights == weigh(query, [whole])
    hits = merged([*base.search_terms(weights, 100), *tail.search_terms(weights, 100)], 100)
    # Of another length on average, a part cannot score quite as the whole: but it finds the same.
    assert {hit.passage_id for hit in hits} == {hit.passage_id for hit in whole.search(query, 100)}


def test_an_index_built_upon_another_leaves_that_as_it_was(tmp_path: Path) -> None:
    first, second = _empty(tmp_path), _empty(tmp_path)
    write_index(first, LIBRARY)
    before = {file.name: file.read_bytes() for file in first.iterdir()}
    write_index(second, [Text(20, "", "", "pump")], base=first, removed=[6])
    assert {file.name: file.read_bytes() for file in first.iterdir() if not file.name.endswith(".lock")} == before
    assert _ids(Tantivy(first), "pump") == [6, 9]
    assert Tantivy(second).ids().tolist() == [3, 5, 9, 11, 20]
    assert set(_ids(Tantivy(second), "pump")) == {9, 20}
