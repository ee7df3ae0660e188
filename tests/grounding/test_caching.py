"""What must be the same for an answer to be given again, and when two questions say the same."""

from __future__ import annotations

import string
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding import caching
from grounding.caching import Scope, guard
from grounding.safety.policy import Policy
from grounding.settings import Settings
from grounding.values import Answer, Citation, Exchange, Question, Template, Verdict
from tests.fakes import evidence, passage
from tests.store import library

SCOPE = Scope(
    collection="handbook",
    standing="f@7/1",
    embedder="e5",
    readable={"groups": {"$in": ["a"]}},
    filters={"lang": {"$eq": "en"}},
    prompt=Template("answer-2", "Say."),
    instructions="",
    generator="extractive",
    top_k=8,
    policy=Policy("balanced", "block", "neutralise", "list", {"PERSON": "allow"}),
    checks=("pii@1",),
    language="en",
    history=(("user", "Hello?"), ("assistant", "Yes.")),
    program="1",
)
CHANGED: dict[str, list[Any]] = {
    "collection": ["other"],
    "standing": ["f@8/1", "g@7/1", "f@7/2"],
    "embedder": ["e6"],
    "readable": [{}, {"groups": {"$in": ["a", "b"]}}],
    "filters": [{}, {"lang": {"$eq": "ja"}}],
    "prompt": [Template("answer-3", "Say."), Template("answer-2", "Say it.")],
    "instructions": ["In rhyme."],
    "generator": ["other"],
    "top_k": [9],
    "policy": [
        replace(SCOPE.policy, preset="strict"),
        replace(SCOPE.policy, toxicity="off"),
        replace(SCOPE.policy, injection="drop"),
        replace(SCOPE.policy, unsupported="mark"),
        replace(SCOPE.policy, pii={"PERSON": "redact"}),
    ],
    "checks": [("pii@2",), ("pii@1", "names@1"), ()],
    "language": ["ja"],
    "history": [(), (("user", "Hello?"),), (("assistant", "Hello?"), ("user", "Yes."))],
    "program": ["2"],
}


@pytest.mark.parametrize(("field", "value"), [(name, value) for name, values in CHANGED.items() for value in values])
def test_every_part_of_the_scope_counts(field: str, value: object) -> None:
    changed: dict[str, Any] = {field: value}
    assert replace(SCOPE, **changed).digest() != SCOPE.digest()


def test_no_part_of_the_scope_is_left_untested() -> None:
    assert CHANGED.keys() == {field.name for field in fields(Scope)}


def test_a_scope_is_the_same_whatever_the_order_of_names() -> None:
    filters = {"a": 1, "b": 2}
    turned = {"b": 2, "a": 1}
    assert replace(SCOPE, filters=filters).digest() == replace(SCOPE, filters=turned).digest()


@pytest.mark.parametrize(
    "section",
    [
        {"retrieval": {"candidates": 50}},
        {"prompting": {"budget_tokens": 3000}},
        {"models": {"reranker": "none"}},
        {"generators": {"cheap": {"model": "extractive", "temperature": 0.5}}},
        {"routes": {"both": ["cheap", "dear"]}},
    ],
)
def test_every_setting_of_an_answer_counts(section: dict[str, object]) -> None:
    plain = Settings.model_validate({"home": "a"})
    assert caching.program(Settings.model_validate({"home": "a", **section})) != caching.program(plain)
    assert caching.program(Settings.model_validate({"home": "b"})) == caching.program(plain)


def test_every_form_of_the_question_counts() -> None:
    question = Question("And?", "And?", "What?\nAnd?", "en", context="Thus.")
    others = [replace(question, clean="or?"), replace(question, standalone="And?"), replace(question, context="")]
    keys = {caching.wanted(SCOPE, each).key for each in (question, *others)}
    assert len(keys) == 4
    assert caching.wanted(SCOPE, replace(question, raw="And? ")) == caching.wanted(SCOPE, question)
    assert caching.wanted(replace(SCOPE, top_k=9), question).key not in keys


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        (Question("a", "a", "a", "en"), True),
        (Question("a", "a", "b\na", "en"), False),
        (Question("a", "a", "a", "en", context="b"), False),
    ],
)
def test_a_follow_up_does_not_stand_alone(question: Question, alone: bool) -> None:
    assert caching.stands_alone(question) is alone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("When was it founded?", "when was it founded"),
        ("What is the hotel limit?", "What's the hotel limit?"),
        ("What is the hotel limit?", "Please tell me: what is the hotel limit"),
        ("What is the hotel limit?", "What is the hotel limit, please?"),
        ("Can't I go?", "Cannot I go?"),
        ("Isn't it open?", "Is not it open?"),
        ("The canteen opens when?", "Canteen opens when"),
        ("支店の電話番号は？", "支店の電話番号は"),
        ("何人が過ごせますか。", "何人が過ごせますか?"),
        ("量はいくらでしょうか。", "量はいくらですか。"),
        ("ＨＸ－２００とは", "HX-200とは？"),
    ],
)
def test_two_questions_say_the_same(one: str, other: str) -> None:
    assert guard(one) == guard(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How long is maternity leave?", "How long is paternity leave?"),
        ("What is the limit in Dublin?", "What is the limit in Lublin?"),
        ("What is the limit in Dublin?", "What is the limit in Dubln?"),
        ("Who manages the branch?", "Who managed the branch?"),
        ("Who is chief executive?", "Who was chief executive?"),
        ("Who is chief executive?", "When is chief executive?"),
        ("Is smoking allowed?", "Is smoking forbidden?"),
        ("Is smoking allowed?", "Is smoking not allowed?"),
        ("Can I go?", "Can't I go?"),
        ("Can I carry it over before March?", "Can I carry it over after March?"),
        ("Who does Ann report to?", "Who reports to Ann?"),
        ("Does Ann report to Bob?", "Does Bob report to Ann?"),
        ("What is C++ for?", "What is C# for?"),
        ("What is C++ for?", "What is C for?"),
        ("What of vitamin A deficiency?", "What of vitamin deficiency?"),
        ("Is it -5 degrees?", "Is it 5 degrees?"),
        ("Is it 1.5 m?", "Is it 15 m?"),
        ("Are there 1,5 of them?", "Are there 1 5 of them?"),
        ("How much is 5 €?", "How much is 5 $?"),
        ("What is paid in the US?", "What is paid in the us?"),
        ("Is leave paid?", "Is leave unpaid?"),
        ("ERR-4012?", "ERR-4021?"),
        ("食堂は何時に開きますか", "食堂は何時に閉まりますか"),
        ("東京支店の電話番号は", "大阪支店の電話番号は"),
        ("200万円の案件は誰が", "300万円の案件は誰が"),
        ("参加できますか", "参加できませんか"),
    ],
)
def test_two_questions_that_differ_in_meaning_never_share(one: str, other: str) -> None:
    assert guard(one) != guard(other)


_WORDS = st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8), min_size=1, max_size=8)


@given(_WORDS, _WORDS)
def test_other_words_are_another_question(one: list[str], other: list[str]) -> None:
    bare = ([word for word in words if word != "the"] for words in (one, other))
    asked = (f"Which of {' '.join(words)}" for words in (one, other))
    assert (guard(next(asked)) == guard(next(asked))) == (next(bare) == next(bare))


@given(_WORDS, st.sampled_from(["?", ".", "!", " ?", "？", "…"]))
def test_case_and_marks_at_the_end_say_nothing(words: list[str], mark: str) -> None:
    text = f"Which of {' '.join(words)}"
    assert guard(text) == guard(f"which OF {' '.join(words)}{mark}".replace("OF", "of"))


@given(st.text())
def test_any_text_has_a_guard(text: str) -> None:
    assert len(guard(text)) == 32


TEXT = "The canteen opens at noon."
FOUND = evidence(passage(1, TEXT), passage(2, "Nobody knows.", start=3))
CITATION = Citation(1, "d1", "handbook/1.md", "Leave", 1, 1, 0, len(TEXT), TEXT)


def record(**changes: Any) -> Exchange:
    given: dict[str, Any] = {"answer": Answer(f"{TEXT} [1]", "answered", (CITATION,)), "evidence": FOUND, **changes}
    return library.exchange("t", **given)


def document_text(document: str, version: int) -> str | None:
    return {("d1", 1): TEXT, ("d2", 1): "   Nobody knows."}.get((document, version))


def test_a_record_is_given_again_in_the_words_of_its_documents() -> None:
    hidden = replace(FOUND[1], passage=replace(FOUND[1].passage, text="<PERSON_1> knows."))
    assert caching.renewed(record(evidence=(FOUND[0], hidden)), document_text) == record()


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": None},
        {"answer": Answer("Hm.", "answered")},
        {"answer": Answer(f"{TEXT} [1]", "answered", (replace(CITATION, quote="Canteen"),))},
        {"answer": Answer(f"{TEXT} [1]", "answered", (replace(CITATION, version=2),))},
        {"answer": Answer(f"{TEXT} [1]", "answered", (replace(CITATION, start=1),))},
        {"answer": Answer(f"{TEXT} [1]", "answered", (CITATION, replace(CITATION, document_id="gone")))},
        {"outcome": "partial"},
        {"outcome": "abstained"},
        {"error": "failed"},
        {"evidence": (*FOUND, *evidence(passage(3, "Gone.")))},
        {"evidence": evidence(passage(1, TEXT + " More."))},
    ],
)
def test_a_record_that_does_not_hold_is_not_given(changes: dict[str, Any]) -> None:
    assert caching.renewed(record(**changes), document_text) is None


def test_verdicts_on_evidence_and_answer_hold_for_all() -> None:
    made = [Verdict("pii", part, "redact", "X", 1.0) for part in ("question", "history:0", "passage:1", "answer")]
    kept = caching.verdicts(record(verdicts=tuple(made)))
    assert [verdict.part for verdict in kept] == ["passage:1", "answer"]
