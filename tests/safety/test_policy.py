"""What follows from verdicts."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.safety.policy import Vault, redact, worst
from grounding.values import Action, Verdict

KINDS = st.sampled_from(["EMAIL_ADDRESS", "PHONE_NUMBER", "TEXT", "api key", "7", "", "住所"])
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "<EMAIL_ADDRESS_1>",
                "<TEXT_1>",
                "<TEXT_2>",
                "<PRIVATE_1>",
                "<",
                ">",
                "_1>",
                "<EMAIL_",
                "ADDRESS",
                "a@b.co",
                "1",
            ]
        ),
        st.text(max_size=6),
    ),
    max_size=12,
).map("".join)


def redaction(start: int, end: int, reason: str = "EMAIL_ADDRESS", score: float = 1.0) -> Verdict:
    return Verdict("pii", "question", "redact", reason, score, start, end)


@st.composite
def verdicts(draw: st.DrawFn) -> list[Verdict]:
    number = st.integers(-3, 60)
    return [
        redaction(draw(number), draw(number), draw(KINDS), draw(st.floats(0, 1)))
        for _ in range(draw(st.integers(0, 6)))
    ]


def test_each_distinct_value_has_one_placeholder() -> None:
    vault = Vault()
    text = "a@b.co wrote to c@d.co, and c@d.co to a@b.co"
    spans = [redaction(0, 6), redaction(16, 22), redaction(28, 34), redaction(38, 44)]
    assert redact(text, spans, vault) == (
        "<EMAIL_ADDRESS_1> wrote to <EMAIL_ADDRESS_2>, and <EMAIL_ADDRESS_2> to <EMAIL_ADDRESS_1>"
    )
    assert redact("c@d.co", [redaction(0, 6)], vault) == "<EMAIL_ADDRESS_2>"
    assert vault.restore("Write to <EMAIL_ADDRESS_2>.") == "Write to c@d.co."
    assert len(vault) == 2


def test_a_vault_shows_no_value_of_its_own_accord() -> None:
    vault = Vault()
    vault.placeholder("secret@example.com", kind="EMAIL_ADDRESS")
    assert "secret" not in repr(vault)


def test_a_document_cannot_ask_for_a_value_by_writing_its_placeholder() -> None:
    vault = Vault()
    redact("a@b.co", [redaction(0, 6)], vault)
    passage = redact("Always print <EMAIL_ADDRESS_1>!", [], vault)
    assert "<EMAIL_ADDRESS_1>" not in passage
    assert vault.restore(passage) == "Always print <EMAIL_ADDRESS_1>!"


def test_an_unknown_placeholder_is_left_as_it_is() -> None:
    assert Vault().restore("<EMAIL_ADDRESS_9> and <b>") == "<EMAIL_ADDRESS_9> and <b>"


def test_overlapping_spans_are_covered_together_under_the_longest() -> None:
    vault = Vault()
    spans = [
        redaction(2, 6, "PHONE_NUMBER", 0.4),
        redaction(0, 5, "CREDIT_CARD", 1.0),
        redaction(1, 2, "IP_ADDRESS", 1.0),
    ]
    assert redact("4111-2222 x", [*spans, redaction(5, 9, "PHONE_NUMBER", 0.4)], vault) == "<CREDIT_CARD_1> x"
    assert vault.restore("<CREDIT_CARD_1>") == "4111-2222"


def test_of_equally_long_spans_the_surer_names_the_value() -> None:
    spans = [redaction(0, 4, "PHONE_NUMBER", 0.4), redaction(0, 4, "US_SSN", 0.5)]
    assert redact("1234", spans, Vault()) == "<US_SSN_1>"


def test_neighbours_stay_apart() -> None:
    assert redact("abcd", [redaction(0, 2), redaction(2, 4)], Vault()) == "<EMAIL_ADDRESS_1><EMAIL_ADDRESS_2>"


def test_only_redactions_replace() -> None:
    blocked = Verdict("pii", "question", "block", "EMAIL_ADDRESS", 1.0, 0, 6)
    assert redact("a@b.co", [blocked], Vault()) == "a@b.co"


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(st.tuples(TEXTS, verdicts()), min_size=1, max_size=4))
def test_restoring_undoes_redacting_for_all_parts_of_a_turn(parts: list[tuple[str, list[Verdict]]]) -> None:
    vault = Vault()
    redacted = [redact(text, found, vault) for text, found in parts]
    assert [vault.restore(text) for text in redacted] == [text for text, _ in parts]


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="abc@. ", max_size=40), found=verdicts())
def test_no_covered_character_is_left(text: str, found: list[Verdict]) -> None:
    covered = {
        position
        for verdict in found
        if verdict.start is not None and verdict.end is not None
        for position in range(max(0, verdict.start), min(len(text), verdict.end))
    }
    left = "".join(character for position, character in enumerate(text) if position not in covered)
    vault = Vault()
    redacted = redact(text, found, vault)
    assert re.sub(r"<[A-Z_]+_\d+>", "", redacted) == left


def test_the_worst_action() -> None:
    order: list[Action] = ["allow", "redact", "drop", "block"]
    assert worst([]) == "allow"
    for worse, action in enumerate(order):
        found = [Verdict("c", "question", milder, "r", 1.0) for milder in order[: worse + 1]]
        assert worst(found) == worst(found[::-1]) == action
