from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding import analysis, history
from grounding.values import Turn
from tests.grounding.conversations import CONVERSATIONS, PASSAGES, Conversation

EARLIER = [
    Turn("user", "How many days of leave can employees in the EU carry over?"),
    Turn("assistant", "Five days."),
]
TALK = st.lists(
    st.builds(Turn, st.sampled_from(["user", "assistant"]), st.text("ab は그の这是\n ?it", max_size=60)), max_size=12
)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def talk(question: str, answer: str) -> list[Turn]:
    return [Turn("user", question), Turn("assistant", answer)]


@pytest.mark.parametrize(
    "question",
    ["And in Japan?", "Why?", "What about contractors?", "When does it expire?", "東京は？", "それはなぜですか"],
)
def test_a_follow_up_stands_together_with_what_it_leans_on(question: str) -> None:
    found = history.in_context(question, EARLIER)
    assert found == history.InContext(f"{EARLIER[0].content}\n{question}", context="Five days.")


@pytest.mark.parametrize(
    "question",
    [
        "Which error code does the HX-200 show without radar echo?",
        "Who founded Sallowford Instruments in Galway?",
        "金沢支店の所在地と電話番号を教えてください",
    ],
)
def test_a_change_of_subject_takes_nothing_over(question: str) -> None:
    assert history.in_context(question, EARLIER) == history.InContext(question)


def test_a_question_on_the_same_subject_stands_alone_and_is_searched_with_the_last_answer() -> None:
    question = "Which employees in the EU carry over days of leave?"
    found = history.in_context(question, EARLIER)
    assert found == history.InContext(question, context=f"{EARLIER[0].content}\nFive days.")


def test_a_chain_of_follow_ups_reaches_the_question_it_started_from() -> None:
    turns = [*EARLIER, *talk("And in Japan?", "Ten days."), *talk("And in Canada?", "Six days.")]
    found = history.in_context("And in Peru?", turns)
    assert found.standalone.splitlines() == [EARLIER[0].content, "And in Canada?", "And in Peru?"]


@pytest.mark.parametrize(
    ("language", "before", "question"),
    [
        ("de", "Wann wurde die Sternwarte in Altenried gebaut?", "Wer hat sie damals entworfen und bezahlt?"),
        ("fr", "Quand le musée de Valbrune a-t-il ouvert ses portes ?", "Combien coûte celui du château voisin ?"),
        ("es", "¿Cuándo se construyó el puente de Robleda?", "¿Quién vive ahora cerca de él, y cuántos son?"),
        ("ru", "Когда построили обсерваторию в Светлогорье?", "Сколько человек сейчас работает там постоянно?"),
        ("zh", "青石镇的天文台是什么时候建成的？", "它是由哪一位建筑师设计并主持修建的？"),
        ("ko", "청석 마을의 천문대는 언제 지어졌습니까?", "그것은 어느 건축가가 설계하고 감독했습니까?"),
        ("ar", "متى بني المرصد في مدينة النور؟", "كم عدد الأشخاص الذين يعملون هناك الآن؟"),
        ("hi", "नीलगढ़ की वेधशाला कब बनाई गई थी?", "उसका निर्माण किस वास्तुकार ने करवाया था और कितने में?"),
    ],
)
def test_words_that_point_back_are_known_in_several_languages(language: str, before: str, question: str) -> None:
    found = history.in_context(question, talk(before, ""), language=language)
    assert found.standalone == f"{before}\n{question}"


def test_a_word_that_points_back_in_one_language_is_another_word_in_the_next() -> None:
    question = "¿Cuál es la dirección de la oficina de Robleda?"
    assert not history.leans_back(question, language="es")
    assert history.leans_back("Wann wurde es in Altenried eröffnet?", language="de")


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, I do not have information about that.",
        "I could not find an answer to this in the documents.",
        "お探しの答えは文書の中に見つかりませんでした。",
        "Dazu habe ich leider nichts gefunden.",
        "抱歉，我没有这方面的信息。",
        "(This answer quoted a document that has been deleted since.)",
        "",
    ],
)
def test_an_answer_that_says_nothing_is_not_searched(answer: str) -> None:
    turns = [*EARLIER, *talk("Who decides on it?", answer)]
    assert history.in_context("Why?", turns).context == "Five days."


def test_a_long_answer_says_something_though_it_says_no() -> None:
    answer = f"No, you cannot. {'Leave of the year before is lost when March ends, as the handbook says. ' * 4}"
    assert history.in_context("Why?", talk("May I keep it?", answer)).context.startswith("No, you cannot. Leave")


@pytest.mark.parametrize("long", ["leave policy " * 2000, "有給休暇" * 5000])
def test_long_turns_are_cut_between_words(long: str) -> None:
    found = history.in_context("Why?", talk(long, long))
    lead, question = found.standalone.splitlines()
    assert question == "Why?"
    assert len(lead) <= history.LEAD_CHARS
    assert len(found.context) <= history.ANSWER_CHARS
    assert not long.isascii() or set(found.context.split()) == {"leave", "policy"}


def test_a_question_asked_again_is_said_once() -> None:
    assert history.in_context("And in Japan?", talk("And in Japan?", "Ten.")).standalone == "And in Japan?"


def test_without_history_nothing_is_added() -> None:
    assert history.in_context("And in Japan?", []) == history.InContext("And in Japan?")


@settings(deadline=None, max_examples=200)
@given(st.text("ab は그の这是\n ?it", min_size=1, max_size=90), TALK, st.sampled_from(["en", "de", "ja", "und"]))
def test_the_question_is_never_lost_and_the_work_is_bounded(question: str, turns: list[Turn], language: str) -> None:
    found = history.in_context(question, turns, language=language)
    assert found.standalone.endswith(question)
    assert len(found.standalone) <= 2 * (history.LEAD_CHARS + 1) + len(question)
    assert len(found.context) <= 2 * (history.LEAD_CHARS + 1) + history.ANSWER_CHARS
    assert found == history.in_context(question, turns[-history.RECENT_TURNS :], language=language)


def language_of(text: str) -> str:
    """Of the first of these words that a text has: as unsure of a name alone as a real one."""
    known = {"how many": "en", "urlaub": "de", "東京は": "ja", "japan": "id"}
    return next((code for word, code in known.items() if word in text.casefold()), "und")


@pytest.mark.parametrize(
    ("before", "question", "language"),
    [
        ("Wie viel Urlaub gibt es?", "In Japan?", "de"),
        ("Wie viel Urlaub gibt es?", "How many days of leave are there in Japan?", "en"),
        ("Wie viel Urlaub gibt es?", "東京は？", "ja"),
        ("東京の事務所はどこですか", "In Japan?", "id"),
    ],
)
def test_the_language_of_a_short_follow_up_is_that_of_the_conversation(
    before: str, question: str, language: str
) -> None:
    assert history.language(question, talk(before, "30"), language_of=language_of) == language


def test_the_language_of_a_first_question_is_its_own() -> None:
    assert history.language("In Japan?", [], language_of=language_of) == "id"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_follow_ups_find_more_by_words_and_questions_that_stand_alone_lose_nothing(language: str) -> None:
    """Mean reciprocal rank over conversations written for this, by words alone."""
    follow: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    for conversation in (one for one in CONVERSATIONS if one.language == language):
        for number in range(1, len(conversation.turns)):
            (alone if conversation.turns[number].alone else follow).append(_reciprocal_ranks(conversation, number))
    asked, in_context = (sum(ranks) / len(follow) for ranks in zip(*follow, strict=True))
    assert in_context > asked + 0.05
    assert all(together >= own for own, together in alone)


def _reciprocal_ranks(conversation: Conversation, number: int) -> tuple[float, float]:
    """Of the passage that answers, for the question as asked, and with its stand-alone form at three quarters."""
    asked = conversation.turns[number]
    found = history.in_context(asked.question, conversation.before(number), language=conversation.language)
    form = f"{found.context}\n{found.standalone}".strip()
    own, other = _scores(asked.question), _scores(form)
    together = own if form == asked.question else {key: own[key] + 0.75 * other[key] for key in own}
    return _reciprocal_rank(own, asked.passage), _reciprocal_rank(together, asked.passage)


def _scores(text: str) -> dict[str, float]:
    """Rarity of the shared terms, by passage; the best has 1."""
    terms = {key: Counter(analysis.terms(passage)) for key, passage in PASSAGES.items()}
    frequency = Counter(term for found in terms.values() for term in found)
    wanted = set(analysis.terms(text))
    scores = {
        key: sum(math.log(1 + len(PASSAGES) / frequency[term]) for term in wanted & found.keys())
        for key, found in terms.items()
    }
    best = max(scores.values()) or 1.0
    return {key: score / best for key, score in scores.items()}


def _reciprocal_rank(scores: dict[str, float], wanted: str) -> float:
    """By the mean rank among passages of the same score."""
    better = sum(score > scores[wanted] for score in scores.values())
    same = sum(score == scores[wanted] for score in scores.values())
    return 1 / (1 + better + (same - 1) / 2)


@given(st.lists(st.text("ab ", max_size=40), max_size=12), st.integers(0, 60))
def test_the_window_is_the_latest_turns_within_the_budget(contents: list[str], budget: int) -> None:
    turns = [Turn("user", content) for content in contents]
    kept = history.window(turns, budget=budget, count_tokens=words)
    assert tuple(turns[len(turns) - len(kept) :]) == kept
    assert sum(words([turn.content for turn in kept])) <= budget
    if len(kept) < len(turns):
        assert sum(words([turn.content for turn in turns[len(turns) - len(kept) - 1 :]])) > budget
