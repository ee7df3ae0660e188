"""No planted private value reaches a model or a record, and every placeholder comes back. Ten thousand conversations
run by `python -m tests.grounding.recording`."""

from __future__ import annotations

from grounding.pipeline import Ask, Delta
from tests.fakes import WordCheck
from tests.grounding import recording
from tests.grounding.test_pipeline import Setup


def test_no_private_value_leaves_and_every_placeholder_comes_back() -> None:
    found = recording.conversations(60, seed=7)
    assert found.planted > 60
    assert found.placeholders > 60
    assert found.leaked == 0
    assert found.lost == 0


def test_a_placeholder_is_restored_wherever_a_stream_is_split() -> None:
    mail = WordCheck("pii", "ada@example.org", frozenset({"question", "history", "passage", "answer"}))
    text = "Employees in Japan may carry over ten days [1]. You are <EMAIL_ADDRESS_1>, not <EMAIL_ADDRESS_9>."
    splits = [(text[:at], text[at:]) for at in range(len(text) + 1)] + [tuple(text)]
    answers = set()
    for pieces in splits:
        setup = Setup(*pieces, checks=[mail])
        events = list(setup.grounder.stream(Ask("I am ada@example.org. How many days in Japan?")))
        deltas = [event.text for event in events if isinstance(event, Delta)]
        assert not any("EMAIL_ADDRESS_1" in delta for delta in deltas)
        answers.add("".join(deltas))
    assert len(answers) == 1
    assert "You are ada@example.org" in answers.pop()
