"""What the pipeline does with a question that goes on with a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grounding import plugins
from grounding.errors import ConfigurationError
from grounding.pipeline import Ask, Grounder
from grounding.ports import QuestionRewriter, SafetyCheck
from grounding.prompt import BuiltIn
from grounding.routing import Alone
from grounding.settings import Models, Settings
from grounding.values import Exchange, Form, ModelCall, Origin, Rewritten, Turn, Usage
from tests.fakes import (
    CapitalNames,
    HashEmbedder,
    Memory,
    MemoryCorpus,
    MemoryJudgements,
    NoSpelling,
    Scripted,
    WordCheck,
    passage,
)

ANYWHERE: frozenset[Origin] = frozenset({"question", "history"})
SECRET = WordCheck("pii", "zebedee", ANYWHERE)
CORPUS = MemoryCorpus(
    passage(1, "Employees in the EU may carry over five days."),
    passage(2, "Employees in Japan may carry over ten days."),
)
EARLIER = (
    Turn("user", "How many days may employees in the EU carry over?"),
    Turn("assistant", "They may carry over five days; ask zebedee [1]."),
)


@dataclass
class Rewriter:
    """Writes what it is told, or fails."""

    text: str | None
    name: str = "fake"
    heard: list[tuple[str, tuple[Turn, ...]]] = field(default_factory=list)

    def rewrite(self, question: str, turns: Sequence[Turn]) -> Rewritten:
        self.heard.append((question, tuple(turns)))
        failed = self.text == "FAIL"
        outcome = "timeout" if failed else "ok"
        call = ModelCall("fake", "fake:1", "rewrite", outcome, datetime.now(UTC), 1.0, None, Usage(7, 3), not failed)
        return Rewritten(None if failed else self.text, call)


def searched(
    text: str,
    *,
    history: tuple[Turn, ...] = EARLIER,
    rewriter: QuestionRewriter | None = None,
    checks: Sequence[SafetyCheck] = (),
) -> tuple[Exchange, Exchange]:
    """The exchange of a search as it is returned, and as it is recorded."""
    memory = Memory()
    grounder = Grounder(
        settings=Settings(home=Path("unused")),
        corpora=lambda name: CORPUS,
        conversations=memory,
        recorder=memory,
        embedder=lambda fingerprint: HashEmbedder(),
        extractor=CapitalNames(),
        checks=checks,
        judgements=MemoryJudgements(),
        spelling=NoSpelling(),
        language_of=lambda text: "de" if "Urlaub" in text else "en",
        route=lambda name: Alone(Scripted(())),
        prompts=BuiltIn(),
        rewriter=rewriter,
    )
    exchange = grounder.search(Ask(text, history=history))
    return exchange, memory.exchanges[0]


def facts(exchange: Exchange, step: str) -> dict[str, object]:
    return {name: value for one in exchange.steps if one.name == step for name, value in one.facts.items()}


def test_a_follow_up_is_searched_as_asked_and_in_a_form_that_stands_alone() -> None:
    exchange, _ = searched("And in Japan?")
    lead, answer = EARLIER[0].content, "They may carry over five days; ask zebedee."
    assert exchange.question.standalone == f"{lead}\nAnd in Japan?"
    assert exchange.question.forms == (
        Form("asked", "And in Japan?"),
        Form("standalone", f"{answer}\n{lead}\nAnd in Japan?"),
    )
    assert facts(exchange, "recall")["follow_up"] is True
    assert "rewrite" not in [step.name for step in exchange.steps]


def test_a_change_of_subject_is_searched_as_asked_alone() -> None:
    exchange, _ = searched("Which fault does the HX-200 radar report without an echo?")
    assert [form.name for form in exchange.question.forms] == ["asked"]
    assert facts(exchange, "recall")["follow_up"] is False


def test_a_short_follow_up_has_the_language_of_the_conversation() -> None:
    history = (Turn("user", "Wie viel Urlaub gibt es?"), Turn("assistant", "Dreißig Tage."))
    assert searched("In Japan?", history=history)[0].question.language == "de"


def test_a_record_has_placeholders_for_private_values_of_earlier_turns() -> None:
    exchange, recorded = searched("And in Japan?", checks=[SECRET])
    assert "zebedee" in exchange.question.context
    assert "zebedee" not in repr(recorded)


def test_so_it_has_for_those_of_a_turn_too_long_for_the_prompt() -> None:
    endless = Turn("assistant", f"Ask zebedee. {'More of the same. ' * 400}")
    exchange, recorded = searched("And in Japan?", history=(EARLIER[0], endless), checks=[SECRET])
    assert "zebedee" in exchange.question.context
    assert "zebedee" not in repr(recorded)


def test_a_rewritten_form_is_searched_beside_the_others() -> None:
    rewriter = Rewriter("How many days may employees in Japan carry over?")
    exchange, _ = searched("And in Japan?", rewriter=rewriter)
    assert exchange.question.forms[0] == Form("asked", "And in Japan?")
    assert exchange.question.forms[-1] == Form("rewritten", rewriter.text or "")
    assert facts(exchange, "rewrite") == {"rewriter": "fake", "outcome": "ok", "rewritten": True}
    assert exchange.usage == Usage(7, 3)
    assert [call.purpose for call in exchange.calls] == ["rewrite"]


def test_a_rewriter_sees_placeholders_and_its_own_are_searched_as_what_they_stand_for() -> None:
    rewriter = Rewriter("What does <EMAIL_ADDRESS_1> decide in Japan?")
    exchange, recorded = searched("What does zebedee decide there?", rewriter=rewriter, checks=[SECRET])
    assert "zebedee" not in repr(rewriter.heard)
    assert exchange.question.rewritten == "What does zebedee decide in Japan?"
    assert "zebedee" not in repr(recorded)


@pytest.mark.parametrize(("text", "outcome"), [("FAIL", "timeout"), (None, "ok")])
def test_a_rewriter_without_a_result_costs_nothing_but_its_form(text: str | None, outcome: str) -> None:
    exchange, _ = searched("And in Japan?", rewriter=Rewriter(text))
    assert exchange.question == searched("And in Japan?")[0].question
    assert exchange.outcome == "found"
    assert facts(exchange, "rewrite") == {"rewriter": "fake", "outcome": outcome, "rewritten": False}


def test_a_first_question_is_not_rewritten() -> None:
    rewriter = Rewriter("Something else?")
    searched("And in Japan?", history=(), rewriter=rewriter)
    assert rewriter.heard == []


def test_no_rewriter_is_chosen_by_default() -> None:
    assert plugins.question_rewriter(settings=Settings(home=Path("unused"))) is None


def test_an_unknown_rewriter_is_answered_with_the_forms() -> None:
    chosen = Settings(home=Path("unused"), models=Models(rewriter="gpt"))
    with pytest.raises(ConfigurationError, match=r"unknown rewriter 'gpt'.*none; or provider:model \(.*openai"):
        plugins.question_rewriter(settings=chosen)
