from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from grounding import postprocess, refusals
from grounding.errors import GeneratorFailed, InvalidRequest, NotFound
from grounding.filters import Clause, Filter, both, readable_by
from grounding.pipeline import Ask, Cited, Delta, Done, EvidenceFound, Grounder
from grounding.ports import Corpus, SafetyCheck
from grounding.prompt import BuiltIn
from grounding.routing import Alone
from grounding.settings import Retrieval, Safety, SafetyRules, Settings
from grounding.values import Chunk, Entity, Fingerprint, FloatVector, Hit, Origin, Prompt, Turn
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

CORPUS = MemoryCorpus(
    passage(1, "Employees in the EU may carry over five days.", start=4),
    passage(2, "Employees in Japan may carry over ten days."),
    passage(3, "The canteen opens at noon and serves soup."),
    names={"japan": (2,)},
)


class Setup:
    """A Grounder over memory, with what it was given within reach."""

    def __init__(
        self,
        *pieces: str,
        corpus: Corpus = CORPUS,
        checks: Sequence[SafetyCheck] = (),
        generator: Scripted | None = None,
        safety: Safety | None = None,
        retrieval: Retrieval | None = None,
        judgements: MemoryJudgements | None = None,
    ) -> None:
        self.memory = Memory()
        self.judgements = judgements or MemoryJudgements()
        self.model = generator or Scripted(pieces)
        self.grounder = Grounder(
            settings=Settings(home=Path("unused"), safety=safety or Safety(), retrieval=retrieval or Retrieval()),
            corpora=self.corpora,
            conversations=self.memory,
            recorder=self.memory,
            embedder=lambda fingerprint: HashEmbedder(),
            extractor=CapitalNames(),
            checks=checks,
            judgements=self.judgements,
            spelling=NoSpelling(),
            language_of=lambda text: "ja" if any("\u3040" <= c <= "\u30ff" for c in text) else "en",
            route=lambda name: Alone(self.model),
            prompts=BuiltIn(),
        )
        self._corpus = corpus

    def corpora(self, name: str) -> Corpus:
        if name != "default":
            raise NotFound(f"no collection {name!r}")
        return self._corpus


def test_an_answer_is_cited_recorded_and_remembered() -> None:
    setup = Setup("Employees in Japan may carry ", "over ten days [1].")
    exchange = setup.grounder.answer(Ask("How many days may employees in Japan carry over?"))
    assert exchange.answer is not None
    assert exchange.outcome == "answered"
    assert exchange.answer.text == "Employees in Japan may carry over ten days [1]."
    assert exchange.answer.citations[0].document_id == "d2"
    assert setup.memory.exchanges == [exchange]
    turns = setup.memory.turns(exchange.conversation_id or "")
    assert [(t.role, t.trace_id) for t in turns] == [("user", exchange.trace_id), ("assistant", exchange.trace_id)]


def test_no_model_is_asked_where_the_evidence_is_too_unlikely_to_answer() -> None:
    asked = Ask("How many days may employees in Japan carry over?")
    likely = Setup("Ten days [1].").grounder.answer(asked).confidence
    assert likely is not None
    for least, outcome, calls in ((likely + 0.01, "abstained", 0), (likely - 0.01, "answered", 1), (0, "answered", 1)):
        setup = Setup("Employees in Japan may carry over ten days [1].", retrieval=Retrieval(min_confidence=least))
        exchange = setup.grounder.answer(asked)
        assert (exchange.outcome, len(exchange.calls)) == (outcome, calls)
        assert exchange.evidence
        decided = [step.facts["asked"] for step in exchange.steps if step.name == "decide"]
        assert decided == ([outcome == "answered"] if least else [])


def test_every_step_is_timed_and_named() -> None:
    exchange = Setup("Employees in Japan may carry over ten days [1].").grounder.answer(Ask("carry over in Japan?"))
    assert [step.name for step in exchange.steps] == [
        "preprocess",
        "screen",
        "recall",
        "recognise",
        "embed",
        "dense",
        "lexical",
        "entity",
        "fuse",
        "rerank",
        "diversify",
        "confidence",
        "screen_evidence",
        "compose",
        "generate",
        "postprocess",
        "total",
    ]
    assert exchange.change == 7
    assert exchange.messages[-1].content.endswith("Question: carry over in Japan?")


def test_a_stream_shows_nothing_before_a_citation_holds() -> None:
    setup = Setup("Pigs fly. ", "Employees in Japan may ", "carry over ten days [1]. ", "Soup is red.")
    events = list(setup.grounder.stream(Ask("carry over in Japan?")))
    assert isinstance(events[0], EvidenceFound)
    assert isinstance(events[-1], Done)
    answer = events[-1].exchange.answer
    assert answer is not None
    shown = "".join(event.text for event in events if isinstance(event, Delta))
    assert postprocess.tidy(shown) == answer.text
    assert [e.citation for e in events if isinstance(e, Cited)] == list(answer.citations)
    assert answer.support.unsupported == ("Pigs fly.", "Soup is red.")
    assert answer.outcome == "partial"


class _Asked(MemoryCorpus):
    """Notes the filter of each call."""

    def __init__(self) -> None:
        super().__init__(passage(1, "Ada may carry over ten days."), names={"ada": (1,)})
        self.wheres: dict[str, Filter | None] = {}

    def dense(self, vector: FloatVector, k: int, *, fingerprint: Fingerprint, where: Filter | None = None) -> list[Hit]:
        self.wheres["dense"] = where
        return super().dense(vector, k, fingerprint=fingerprint, where=where)

    def lexical(self, text: str, k: int, *, language: str = "und", where: Filter | None = None) -> list[Hit]:
        self.wheres["lexical"] = where
        return super().lexical(text, k, language=language, where=where)

    def entity(
        self,
        text: str,
        k: int,
        *,
        entities: Sequence[Entity] = (),
        language: str = "und",
        where: Filter | None = None,
    ) -> list[Hit]:
        self.wheres["entity"] = where
        return super().entity(text, k, entities=entities, language=language, where=where)


@pytest.mark.parametrize("groups", [None, frozenset(), frozenset(("hr",))])
@pytest.mark.parametrize("kind", ["search", "ground", "answer"])
def test_every_leg_is_asked_within_what_the_caller_may_read(kind: str, groups: frozenset[str] | None) -> None:
    corpus, lang = _Asked(), Clause("lang", "$eq", ("en",))
    setup = Setup("Ada may carry over ten days [1].", corpus=corpus)
    getattr(setup.grounder, kind)(Ask("What may Ada carry over?", groups=groups, filters=lang, conversation_id="c"))
    where = both(readable_by(groups), lang)
    assert corpus.wheres == {"dense": where, "lexical": where, "entity": where}


def test_an_answer_that_nothing_supports_is_not_shown() -> None:
    setup = Setup("The moon is made of cheese [1]. ", "It is quite round [2].")
    deltas = [e.text for e in setup.grounder.stream(Ask("carry over in Japan?")) if isinstance(e, Delta)]
    assert deltas == [refusals.NO_ANSWER["en"]]


def test_without_evidence_no_model_is_asked() -> None:
    setup = Setup("Anything.", corpus=MemoryCorpus())
    exchange = setup.grounder.answer(Ask("日本では何日ですか"))
    assert exchange.outcome == "abstained"
    assert exchange.answer is not None
    assert exchange.answer.text == refusals.NO_ANSWER["ja"]
    assert setup.model.prompts == []


def test_a_follow_up_is_searched_with_what_it_leans_on_and_sees_the_history() -> None:
    setup = Setup("Employees in Japan may carry over ten days [1].")
    first = setup.grounder.answer(Ask("How many days may employees in the EU carry over?"))
    second = setup.grounder.answer(Ask("And in Japan?", conversation_id=first.conversation_id))
    assert second.question.standalone.splitlines() == [first.question.clean, "And in Japan?"]
    assert second.evidence[0].passage.id in (1, 2)
    assert [message.role for message in second.messages] == ["system", "user", "assistant", "user"]
    assert "[1]" not in second.messages[2].content
    assert len(setup.memory.turns(first.conversation_id or "")) == 4


def test_a_conversation_may_be_started_under_a_name_of_the_callers() -> None:
    setup = Setup("Employees in Japan may carry over ten days [1].")
    assert setup.grounder.answer(Ask("carry over in Japan?", conversation_id="mine")).conversation_id == "mine"
    assert len(setup.memory.turns("mine")) == 2


def test_a_blocked_question_is_refused_politely_and_reaches_nothing() -> None:
    setup = Setup("No.", checks=[WordCheck("toxicity", "damn", frozenset({"question"}))])
    exchange = setup.grounder.answer(Ask("damn Japan"))
    assert exchange.outcome == "refused"
    assert exchange.answer is not None
    assert exchange.answer.text == refusals.REFUSALS["toxicity"]["en"]
    assert exchange.evidence == ()
    assert setup.model.prompts == []
    assert setup.memory.exchanges[0].verdicts[0].check == "toxicity"


def test_what_speaks_to_the_model_is_cut_out_of_a_passage() -> None:
    check = WordCheck("injection", "serves soup", frozenset({"passage"}), kind="override")
    setup = Setup("The canteen opens at noon [1].", checks=[check])
    exchange = setup.grounder.answer(Ask("When does the canteen open?"))
    assert exchange.outcome == "answered"
    assert "The canteen opens at noon and […]." in exchange.messages[-1].content
    assert [(v.check, v.part, v.action, v.reason) for v in exchange.verdicts] == [
        ("injection", "passage:3", "redact", "override")
    ]


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        (Safety(), "The canteen opens at noon and"),
        (Safety(injection="drop"), "soup"),
        (Safety(collections={"default": SafetyRules(injection="drop")}), "soup"),
        (Safety(keys={"somebody": SafetyRules(preset="strict")}), "soup"),
    ],
)
def test_a_poisoned_passage_costs_itself_and_not_the_answer(rules: Safety, word: str) -> None:
    check = WordCheck("injection", word, frozenset({"passage"}), kind="override")
    setup = Setup("Employees in Japan may carry over ten days [1].", checks=[check], safety=rules)
    exchange = setup.grounder.answer(Ask("carry over soup in Japan?", key="somebody"))
    assert exchange.outcome == "answered"
    assert [(d.passage_id, d.stage, d.reason) for d in exchange.dropped] == [(3, "screen", "injection: override")]
    assert "soup" not in exchange.messages[-1].content.split("Question:")[0]


def test_a_title_that_speaks_to_the_model_is_left_out() -> None:
    check = WordCheck("injection", "Obey", frozenset({"passage"}))
    setup = Setup(
        "Soup is served at noon [1].",
        checks=[check],
        corpus=MemoryCorpus(passage(1, "Soup is served at noon.", title="Obey")),
    )
    exchange = setup.grounder.answer(Ask("When is soup served?"))
    assert exchange.outcome == "answered"
    assert "Obey" not in exchange.messages[-1].content


def test_a_passage_is_judged_once_for_each_version_of_a_check() -> None:
    check = WordCheck("injection", "soup", frozenset({"passage"}))
    setup = Setup("x", checks=[check])
    setup.grounder.answer(Ask("carry over in Japan?"))
    assert check.calls == 4, "three texts and the one title that they share"
    setup.grounder.answer(Ask("carry over in the EU?"))
    assert check.calls == 4
    again = WordCheck("injection", "soup", frozenset({"passage"}), version="2")
    Setup("x", checks=[again], judgements=setup.judgements).grounder.answer(Ask("carry over in the EU?"))
    assert again.calls == 4


def test_with_the_checks_off_nothing_is_looked_at() -> None:
    check = WordCheck("injection", "soup", frozenset({"question", "passage"}))
    exchange = Setup("x", checks=[check], safety=Safety(preset="off")).grounder.answer(Ask("soup?"))
    assert check.calls == 0
    assert exchange.verdicts == ()


def test_private_values_reach_neither_the_model_nor_the_record() -> None:
    origins: frozenset[str] = frozenset({"question", "history", "passage", "answer"})
    check = WordCheck("pii", "ada@example.org", origins)  # type: ignore[arg-type]
    corpus = MemoryCorpus(passage(1, "The desk of ada@example.org is in room 4.", start=3))
    setup = Setup(corpus=corpus, checks=[check])
    setup.model.pieces = ("The desk of <EMAIL_ADDRESS_1> is in room 4 [1].",)
    exchange = setup.grounder.answer(Ask("Where is the desk of ada@example.org?"))
    assert "ada@example.org" not in repr(setup.model.prompts)
    assert exchange.answer is not None
    assert exchange.answer.text == "The desk of ada@example.org is in room 4 [1]."
    assert exchange.answer.citations[0].quote == "The desk of ada@example.org is in room 4."
    (recorded,) = setup.memory.exchanges
    assert "ada@example.org" not in repr((recorded.question, recorded.legs, recorded.messages))
    assert recorded.answer is not None
    assert "ada@example.org" not in recorded.answer.text
    assert "ada@example.org" not in repr(setup.memory.conversations)
    assert exchange.question.raw == "Where is the desk of ada@example.org?"


ANYWHERE: frozenset[Origin] = frozenset({"question", "history", "passage", "answer"})


def test_a_value_keeps_its_placeholder_throughout_its_conversation() -> None:
    mail, other = WordCheck("pii", "ada@example.org", ANYWHERE), WordCheck("names", "bob@example.org", ANYWHERE)
    setup = Setup("Employees in Japan may carry over ten days [1].", checks=[other, mail])
    first = Ask("I am ada@example.org. May I carry over days in Japan?", conversation_id="c")
    setup.grounder.answer(first)
    second = Ask("Not bob@example.org but ada@example.org asks: in Japan?", conversation_id="c")
    exchange = setup.grounder.answer(second)
    sent = [message.content for message in exchange.messages]
    assert "I am <EMAIL_ADDRESS_1>." in sent[1]
    assert "Not <EMAIL_ADDRESS_2> but <EMAIL_ADDRESS_1> asks" in sent[-1]
    assert "example.org" not in repr(setup.model.prompts)
    asked = setup.memory.turns("c")[2]
    assert asked.values == {"<EMAIL_ADDRESS_1>": "ada@example.org", "<EMAIL_ADDRESS_2>": "bob@example.org"}


def test_conversations_share_no_placeholders() -> None:
    mail = WordCheck("pii", "ada@example.org", ANYWHERE)
    setup = Setup("Write to <EMAIL_ADDRESS_1> [1].", checks=[mail])
    setup.grounder.answer(Ask("I am ada@example.org. Carry over in Japan?", conversation_id="hers"))
    exchange = setup.grounder.answer(Ask("Who is <EMAIL_ADDRESS_1> in Japan?", conversation_id="his"))
    assert "ada@example.org" not in repr(exchange)


def test_a_name_that_the_passages_say_is_no_secret() -> None:
    name = WordCheck("names", "Ada Lovelace", ANYWHERE, kind="PERSON")
    corpus = MemoryCorpus(passage(1, "The desk of ada lovelace is in room 4."))
    exchange = Setup("In room 4 [1].", corpus=corpus, checks=[name]).grounder.answer(Ask("Where is Ada Lovelace?"))
    assert exchange.messages[-1].content.endswith("Question: Where is Ada Lovelace?")
    assert [(v.check, v.action, v.reason) for v in exchange.verdicts] == [("pii", "allow", "PERSON")]


@pytest.mark.parametrize("kind", ["search", "answer"])
def test_a_name_that_no_passage_says_is_kept_from_model_and_record(kind: str) -> None:
    name = WordCheck("names", "Ada Lovelace", ANYWHERE, kind="PERSON")
    setup = Setup("x", checks=[name])
    getattr(setup.grounder, kind)(Ask("I am Ada Lovelace. May I carry over days in Japan?"))
    (recorded,) = setup.memory.exchanges
    assert "Lovelace" not in repr((recorded, setup.model.prompts, setup.memory.conversations))
    assert recorded.values == {"<PERSON_1>": "Ada Lovelace"}
    assert recorded.question.clean.startswith("I am <PERSON_1>.")


def test_a_strict_policy_hides_names_of_passages_too_and_the_answer_has_them_again() -> None:
    name = WordCheck("names", "Ada Lovelace", ANYWHERE, kind="PERSON")
    corpus = MemoryCorpus(passage(1, "The desk of Ada Lovelace is in room 4."))
    setup = Setup(
        "The desk of <PERSON_1> is in room 4 [1].", corpus=corpus, checks=[name], safety=Safety(preset="strict")
    )
    exchange = setup.grounder.answer(Ask("Where is the desk of Ada Lovelace?"))
    assert "Lovelace" not in repr(exchange.messages)
    assert exchange.answer is not None
    assert exchange.answer.text == "The desk of Ada Lovelace is in room 4 [1]."


def test_a_kind_of_value_may_block_the_question_and_never_a_passage() -> None:
    card = WordCheck("pii", "4111", ANYWHERE, kind="CREDIT_CARD")
    corpus = MemoryCorpus(passage(1, "The test card is 4111."))
    setup = Setup("<CREDIT_CARD_1> [1]", corpus=corpus, checks=[card], safety=Safety(pii={"CREDIT_CARD": "block"}))
    refused = setup.grounder.answer(Ask("Is 4111 the test card?"))
    assert (refused.outcome, refused.answer and refused.answer.text) == ("refused", refusals.REFUSALS["pii"]["en"])
    assert setup.grounder.answer(Ask("What is the test card?")).outcome == "answered"


def test_an_offensive_answer_is_not_shown() -> None:
    setup = Setup(
        "Employees in Japan may carry over ten days, damn [1].",
        checks=[WordCheck("toxicity", "damn", frozenset({"answer"}))],
    )
    exchange = setup.grounder.answer(Ask("carry over in Japan?"))
    assert exchange.outcome == "refused"
    assert exchange.answer is not None
    assert exchange.answer.text == refusals.REFUSALS["toxicity"]["en"]


def test_a_model_that_fails_is_recorded_and_raised() -> None:
    class Fails(Scripted):
        def stream(self, prompt: Prompt):  # type: ignore[no-untyped-def]
            yield Chunk("Employees in Japan ")
            raise GeneratorFailed("the model did not answer within 5 s")

    setup = Setup(generator=Fails(()))
    with pytest.raises(GeneratorFailed):
        setup.grounder.answer(Ask("carry over in Japan?"))
    assert setup.memory.exchanges[0].outcome == "failed"
    assert setup.memory.exchanges[0].error == "generator_failed: the model did not answer within 5 s"
    assert setup.memory.conversations == {}


def test_a_client_that_leaves_stops_the_model_and_leaves_a_record() -> None:
    setup = Setup(
        "Employees in Japan may carry over ten days [1]. ", "Employees in the EU ", "may carry ", "over five."
    )
    events = setup.grounder.stream(Ask("carry over in Japan?"))
    for event in events:
        if isinstance(event, Delta):
            break
    events.close()
    assert setup.model.closed
    (exchange,) = setup.memory.exchanges
    assert (exchange.outcome, exchange.error) == ("partial", "closed by the client")


def test_search_is_retrieval_alone_and_is_recorded() -> None:
    setup = Setup("unused")
    exchange = setup.grounder.search(Ask("carry over in Japan?", top_k=2))
    assert exchange.outcome == "found"
    assert len(exchange.evidence) == 2
    assert exchange.evidence[0].signals.entity is not None
    assert setup.memory.exchanges == [exchange]
    assert setup.model.prompts == []


def test_ground_gives_the_prompt_without_asking_a_model() -> None:
    setup = Setup("unused")
    exchange = setup.grounder.ground(Ask("carry over in Japan?"))
    assert exchange.outcome == "ready"
    assert exchange.messages[0].role == "system"
    assert exchange.prompt_tokens > 0
    assert setup.model.prompts == []


def test_history_of_the_callers_own_counts_where_there_is_no_conversation() -> None:
    setup = Setup("unused")
    asked = Ask("And in Japan?", history=(Turn("user", "How many days may employees in the EU carry over?"),))
    assert setup.grounder.search(asked).question.standalone.startswith("How many days")


@pytest.mark.parametrize(
    ("ask", "error"),
    [(Ask("x", top_k=0), InvalidRequest), (Ask(" "), InvalidRequest), (Ask("x", collection="nope"), NotFound)],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_recorded(ask: Ask, error: type[Exception]) -> None:
    setup = Setup()
    with pytest.raises(error):
        setup.grounder.answer(ask)
    assert setup.memory.exchanges == []


@pytest.mark.parametrize(
    "written", ["ada\u200b@exam\u00adple.org", "ada@example.org\u00a0", "  ada@example.org", "ada@\u2060example.org"]
)
def test_no_record_keeps_a_value_as_it_was_typed(written: str) -> None:
    setup = Setup("x", checks=[WordCheck("pii", "ada@example.org", ANYWHERE)])
    setup.grounder.search(Ask(f"I am {written}. May I carry over days in Japan?"))
    (recorded,) = setup.memory.exchanges
    assert recorded.question.clean.startswith("I am <EMAIL_ADDRESS_1>")
    visible = "".join(sign for sign in repr(recorded.question) if sign.isascii() and sign.isprintable())
    assert "ple.org" not in visible.replace("\\u200b", "").replace("\\xad", "").replace("\\u2060", "")
