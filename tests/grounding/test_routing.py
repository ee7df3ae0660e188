from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.breaker import Breaker
from grounding.calling import MOST_TEXT, UNDISTURBED, Clock, Mail, Mailbox, Member, priced
from grounding.errors import ConfigurationError, GeneratorFailed, GroundingError
from grounding.pipeline import Ask, Delta, Done, Grounder
from grounding.prompt import BuiltIn
from grounding.routing import Alone, Failover
from grounding.settings import GeneratorSettings, Settings
from grounding.stopping import Stop
from grounding.values import Chunk, ModelCall, Prompt, Question, Usage
from tests.clocks import SimulatedClock
from tests.fakes import CapitalNames, HashEmbedder, Memory, MemoryCorpus, MemoryJudgements, NoSpelling, passage

PROMPT = Prompt("", (), (), Question("q", "q", "q", "en"), "answer-2", "0", tokens=100)


def failed(reason: str = "http_500", *, passing: bool = True, retry_after: float | None = None) -> GeneratorFailed:
    return GeneratorFailed("what the provider said", reason=reason, passing=passing, retry_after=retry_after)


@dataclass
class Play:
    """One answer: seconds of silence before each piece and before the end, which is complete, an error or endless."""

    pieces: Sequence[str | Chunk] = ()
    error: Exception | None = None
    silence: float = 0.0
    last_silence: float = 0.0

    @property
    def text(self) -> str:
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)


@dataclass
class Actor:
    """A generator that gives one answer after the other, by a simulated clock, and the last of them again and again."""

    clock: SimulatedClock
    plays: Sequence[Play]
    name: str = "actor"
    calls: int = 0
    closed: int = 0

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        play = self.plays[min(self.calls, len(self.plays) - 1)]
        self.calls += 1
        try:
            for piece in play.pieces:
                if play.silence:
                    self.clock.sleep(play.silence)
                yield piece if isinstance(piece, Chunk) else Chunk(piece)
            if play.last_silence:
                self.clock.sleep(play.last_silence)
            if play.error:
                raise play.error
        finally:
            self.closed += 1


@dataclass
class Stage:
    """A route over actors, and what came of it."""

    plays: Sequence[Sequence[Play]]
    options: Sequence[GeneratorSettings] = ()
    failures: int = 5
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    stop: Stop = field(default_factory=Stop)
    calls: list[ModelCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.actors = [Actor(self.clock, plays, name=f"m{n}") for n, plays in enumerate(self.plays)]
        self.members = [
            member(actor, option, clock=self.clock, failures=self.failures)
            for actor, option in zip(self.actors, self.options or [options()] * len(self.actors), strict=True)
        ]
        self.route = Failover("chat", self.members, count_tokens=counted, clock=self.clock)

    def stream(self, shown: Callable[[], bool] = lambda: False) -> Generator[Chunk, None, None]:
        return self.route.stream(PROMPT, stop=self.stop, shown=shown, called=self.calls.append)

    def answer(self) -> str:
        return text_of(self.stream())

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(call.generator, call.outcome) for call in self.calls]


def counted(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def options(**values: float | str) -> GeneratorSettings:
    return GeneratorSettings.model_validate({"model": "openai:x", "retries": 0, **values})


def member(actor: Actor, option: GeneratorSettings, *, clock: Clock, failures: int = 5) -> Member:
    breaker = Breaker(failures=failures, seconds=30, clock=clock.now)
    return Member(actor.name, settings=option, make=lambda: actor, breaker=breaker)


def text_of(chunks: Iterator[Chunk]) -> str:
    text = ""
    for chunk in chunks:
        text = chunk.text if chunk.restarted else text + chunk.text
    return text


@pytest.fixture
def stages() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def stage(*plays: Sequence[Play], options: Sequence[GeneratorSettings] = (), failures: int = 5) -> Stage:
        made.append(Stage(plays, options, failures))
        return made[-1]

    yield stage
    for each in made:
        each.clock.end()


Stages = Callable[..., Stage]


def test_the_first_generator_answers_and_what_it_reports_is_the_ledgers(stages: Stages) -> None:
    usage = Usage(120, 7, cached_tokens=20)
    stage = stages(
        [Play(["Five ", "days.", Chunk("", Usage(120, 3)), Chunk("", usage)], silence=1.0)],
        [Play(["never"])],
        options=[options(input_price=10, cached_input_price=1, output_price=100), options()],
    )
    assert stage.answer() == "Five days."
    (call,) = stage.calls
    assert (call.generator, call.model, call.outcome, call.purpose) == ("m0", "openai:x", "ok", "answer")
    assert call.reported
    assert call.usage == Usage(120, 7, (100 * 10 + 20 * 1 + 7 * 100) / 1e6, 20)
    assert (call.first_token_ms, call.ms) == (1000, 4000)


@pytest.mark.parametrize(
    ("usage", "prices", "cost"),
    [
        (Usage(10, 5), {}, None),
        (Usage(10, 5, cached_tokens=4), {"input_price": 1e6, "output_price": 2e6}, 20.0),
        (Usage(10, 5, cached_tokens=4), {"input_price": 1e6, "output_price": 2e6, "cached_input_price": 5e5}, 18.0),
        (Usage(10, 0, cached_tokens=40), {"input_price": 1e6, "output_price": 2e6, "cached_input_price": 0}, 0.0),
        (Usage(10, 5), {"input_price": 0, "output_price": 0}, 0.0),
    ],
)
def test_a_price_is_for_a_million_tokens(usage: Usage, prices: dict[str, float], cost: float | None) -> None:
    assert priced(usage, options(**prices)).cost_usd == cost


def test_a_failure_is_mended_by_the_next_generator_and_each_call_is_told_once(stages: Stages) -> None:
    stage = stages([Play(error=failed("http_500"))], [Play(error=failed("connection"))], [Play(["Ten."])])
    assert stage.answer() == "Ten."
    assert stage.outcomes == [("m0", "http_500"), ("m1", "connection"), ("m2", "ok")]
    assert [call.usage.prompt_tokens for call in stage.calls] == [0, 0, 100]
    assert [call.reported for call in stage.calls] == [False, False, False]


def test_a_passing_failure_is_tried_again_as_long_as_the_provider_says(stages: Stages) -> None:
    busy = Play(error=failed("http_429", retry_after=7))
    stage = stages([busy, busy, Play(["Ten."])], options=[options(retries=2)])
    assert stage.answer() == "Ten."
    assert stage.outcomes == [("m0", "http_429")] * 2 + [("m0", "ok")]
    assert stage.clock.now() == 14


def test_without_such_a_word_it_is_tried_again_soon_and_at_random(stages: Stages) -> None:
    pauses = set()
    for _ in range(8):
        stage = stages([Play(error=failed()), Play(["Ten."])], options=[options(retries=1)])
        assert stage.answer() == "Ten."
        pauses.add(stage.clock.now())
    assert len(pauses) > 1
    assert all(0 <= pause <= 0.5 for pause in pauses)


@pytest.mark.parametrize(
    "play",
    [
        Play(error=failed("http_400", passing=False)),
        Play(error=failed("http_429", retry_after=1000)),  # beyond the deadline of the whole answer
        Play(error=failed("timeout")),
        Play(["Fi"], error=failed("cut")),
        Play(last_silence=math.inf),
    ],
    ids=["not passing", "too long a wait", "timeout", "after text", "silent"],
)
def test_what_another_attempt_cannot_mend_goes_to_the_next_at_once(stages: Stages, play: Play) -> None:
    stage = stages([play], [Play(["Ten."])], options=[options(retries=3, first_token_seconds=9), options()])
    assert stage.answer() == "Ten."
    assert len(stage.calls) == 2
    assert stage.clock.now() == (9 if play.last_silence else 0)


def test_an_answer_that_breaks_off_unseen_is_void_and_the_next_one_says_so(stages: Stages) -> None:
    stage = stages([Play(["Five ", "da"], failed("cut"), silence=1)], [Play(["Ten ", "days."], silence=1)])
    chunks = list(stage.stream())
    assert [(chunk.text, chunk.restarted) for chunk in chunks] == [
        ("Five ", False),
        ("da", False),
        ("Ten ", True),
        ("days.", False),
    ]
    assert [(call.outcome, call.usage.completion_tokens, call.reported) for call in stage.calls] == [
        ("cut", 2, False),
        ("ok", 2, False),
    ]


def test_what_has_come_in_the_meantime_is_read_at_once(stages: Stages) -> None:
    usage = Usage(100, 4)
    stage = stages([Play(["Five ", Chunk(""), Chunk("days ", Usage(100, 2)), "a year", Chunk(".", usage)])])
    assert [(chunk.text, chunk.usage) for chunk in stage.stream()] == [("Five days a year.", usage)]
    assert [call.usage for call in stage.calls] == [usage]


def test_an_empty_answer_takes_the_place_of_one_that_broke_off(stages: Stages) -> None:
    stage = stages([Play(["Five "], error=failed("cut"))], [Play(error=failed())], [Play()])
    assert [(chunk.text, chunk.restarted) for chunk in stage.stream()] == [("Five ", False), ("", True)]


def test_an_answer_that_breaks_off_before_somebodys_eyes_is_an_error(stages: Stages) -> None:
    stage = stages([Play(["Five ", "da"], failed("cut"), silence=1)], [Play(["Ten days."])])
    seen: list[str] = []
    with pytest.raises(GeneratorFailed) as error:
        seen.extend(chunk.text for chunk in stage.stream(shown=lambda: bool(seen)))
    assert (seen, error.value.reason) == (["Five ", "da"], "cut")
    assert stage.actors[1].calls == 0
    assert stage.outcomes == [("m0", "cut")]


def test_when_all_have_failed_the_error_names_each_and_why(stages: Stages) -> None:
    stage = stages(
        [Play(error=failed("http_429", retry_after=40))],
        [Play(last_silence=math.inf)],
        [Play(error=RuntimeError("secret"))],
        [Play(["never"])],
        options=[options(), options(), options(), options(max_prompt_tokens=99)],
    )
    with pytest.raises(GeneratorFailed) as error:
        stage.answer()
    said = "no generator of the route 'chat' answered: m0 (http_429), m1 (timeout), m2 (failed), m3 (too_long)"
    assert str(error.value) == said
    assert (error.value.reason, error.value.passing, error.value.retry_after) == ("too_long", True, 40)
    assert len(stage.calls) == 3


def test_of_one_generator_alone_the_error_is_its_own(stages: Stages) -> None:
    with pytest.raises(GeneratorFailed, match="what the provider said"):
        stages([Play(error=failed())]).answer()
    said = r"generator 'm0' was not called: the prompt has 100 tokens, and it takes 99"
    with pytest.raises(GeneratorFailed, match=said):
        stages([Play(["x"])], options=[options(max_prompt_tokens=99)]).answer()


def test_one_that_cannot_be_made_does_not_break_the_others() -> None:
    def missing() -> Actor:
        raise ConfigurationError("set the environment variable KEY")

    clock, calls = SimulatedClock(), list[ModelCall]()
    broken = Member("broken", settings=options(), make=missing, breaker=Breaker(failures=5, seconds=30))
    good = member(Actor(clock, [Play(["Ten."])]), options(), clock=clock)

    def streamed(*members: Member) -> str:
        route = Failover("chat", members, count_tokens=counted, clock=clock)
        return text_of(route.stream(PROMPT, stop=Stop(), shown=lambda: False, called=calls.append))

    assert streamed(broken, good) == "Ten."
    assert [call.generator for call in calls] == ["actor"]
    with pytest.raises(GeneratorFailed, match=r"broken \(unavailable\), broken \(unavailable\)"):
        streamed(broken, broken)
    with pytest.raises(ConfigurationError, match="KEY"):
        streamed(broken)


def test_one_that_cannot_be_set_up_at_its_first_call_was_not_called(stages: Stages) -> None:
    stage = stages([Play(error=ConfigurationError("no such model"))], [Play(["Ten."])])
    assert stage.answer() == "Ten."
    assert stage.outcomes == [("m1", "ok")]


def test_the_first_token_has_a_deadline_of_its_own(stages: Stages) -> None:
    stage = stages([Play(["late"], silence=30.5)], [Play(["Ten."], silence=29)])
    assert stage.answer() == "Ten."
    assert stage.outcomes == [("m0", "timeout"), ("m1", "ok")]
    assert stage.clock.now() == 30 + 29
    assert (stage.calls[0].usage.prompt_tokens, stage.calls[0].first_token_ms) == (100, None)


def test_a_report_of_usage_is_no_sign_of_life_and_a_thought_is(stages: Stages) -> None:
    stage = stages([Play([Chunk("", Usage(9))] * 99, silence=10)], [Play([*[Chunk("")] * 9, "Ten."], silence=14)])
    assert stage.answer() == "Ten."
    assert stage.outcomes == [("m0", "timeout"), ("m1", "ok")]
    assert stage.clock.now() == 30 + 140
    assert stage.calls[0].usage.prompt_tokens == 9
    assert stage.calls[1].first_token_ms == 140_000


def test_an_answer_that_stops_is_given_up_between_two_tokens(stages: Stages) -> None:
    stage = stages([Play(["Five "], last_silence=math.inf)], [Play(["Ten."])])
    assert stage.answer() == "Ten."
    assert stage.clock.now() == 15


def test_an_answer_that_drips_for_ever_ends_with_the_deadline_of_the_whole(stages: Stages) -> None:
    stage = stages([Play(["x "] * 99, silence=10)], options=[options(total_seconds=65)])
    with pytest.raises(GeneratorFailed) as error:
        stage.answer()
    assert (error.value.reason, error.value.passing) == ("timeout", True)
    assert stage.clock.now() == 65
    assert stage.calls[0].usage.completion_tokens == 6


def test_a_reader_that_is_slow_does_not_cost_what_has_come_in_time(stages: Stages) -> None:
    stage = stages([Play(["Five ", "days."])])
    chunks = stage.stream()
    text = next(chunks).text
    stage.clock.wait(threadless(), 1000)
    assert text + text_of(chunks) == "Five days."


def threadless() -> Mailbox:
    from queue import SimpleQueue

    return SimpleQueue()


def test_a_reader_that_is_slow_does_not_keep_an_answer_going_that_is_overdue(stages: Stages) -> None:
    stage = stages([Play(["x "] * 99, silence=10)], options=[options(total_seconds=65)])
    chunks = stage.stream()
    assert next(chunks).text == "x "
    stage.clock.wait(threadless(), 100)
    with pytest.raises(GeneratorFailed, match="not complete after 65 seconds"):
        next(chunks)


def test_an_answer_without_end_is_cut_off(stages: Stages) -> None:
    stage = stages([Play(["x" * 300_000] * 9)])
    with pytest.raises(GeneratorFailed) as error:
        list(stage.stream(shown=lambda: True))
    assert error.value.reason == "too_large"
    assert stage.outcomes == [("m0", "too_large")]
    assert stage.actors[0].closed == 1
    assert MOST_TEXT == 1_000_000


def test_one_that_keeps_failing_is_left_alone_for_a_while(stages: Stages) -> None:
    stage = stages([Play(error=failed("http_503"))], [Play(["Ten."])], failures=3)
    for _ in range(5):
        assert stage.answer() == "Ten."
    assert stage.actors[0].calls == 3
    assert stage.outcomes.count(("m0", "http_503")) == 3
    stage.clock.wait(threadless(), 30)
    assert stage.answer() == "Ten."
    assert stage.actors[0].calls == 4


def test_one_that_is_left_alone_holds_no_slot(stages: Stages) -> None:
    first = options(max_calls=1)
    stage = stages([Play(error=failed()), Play(["Five."])], [Play(["Ten."])], options=[first, options()], failures=1)
    assert [stage.answer() for _ in range(3)] == ["Ten."] * 3
    stage.clock.wait(threadless(), 30)
    assert stage.answer() == "Five."


def test_what_is_the_prompts_fault_does_not_count_against_a_provider(stages: Stages) -> None:
    stage = stages([Play(error=failed("http_400", passing=False))], [Play(["Ten."])], failures=1)
    for _ in range(3):
        assert stage.answer() == "Ten."
    assert stage.actors[0].calls == 3


def test_no_attempt_is_made_any_more_once_the_breaker_opened(stages: Stages) -> None:
    stage = stages([Play(error=failed("http_503"))], options=[options(retries=9)], failures=2)
    with pytest.raises(GeneratorFailed, match="what the provider said"):
        stage.answer()
    with pytest.raises(GeneratorFailed, match="left alone") as error:
        stage.answer()
    assert stage.actors[0].calls == 2
    assert (error.value.reason, error.value.passing, error.value.retry_after) == ("open", True, 30)


def test_a_call_that_was_left_behind_holds_its_slot_until_it_ends(stages: Stages) -> None:
    first = options(max_calls=1, retries=3)
    stage = stages([Play(["x"], silence=100), Play(["y"])], [Play(["Ten."])], options=[first, options()])
    assert stage.answer() == "Ten."
    assert stage.answer() == "Ten."
    assert stage.clock.now() == 30
    assert stage.actors[0].calls == 1
    assert stage.outcomes == [("m0", "timeout"), ("m1", "ok"), ("m1", "ok")]
    stage.clock.wait(threadless(), 100)
    assert stage.actors[0].closed == 1
    assert stage.answer() == "y"


def test_a_slot_is_free_again_when_the_end_of_an_answer_is_heard_of(stages: Stages) -> None:
    stage = stages([Play(["x"])], options=[options(max_calls=1)])
    assert [stage.answer() for _ in range(50)] == ["x"] * 50


def test_a_slot_is_free_again_for_real_threads_too() -> None:
    one = member(Actor(SimulatedClock(), [Play(["x"])]), options(max_calls=1), clock=Clock())
    route = Failover("chat", [one], count_tokens=counted)
    for _ in range(500):
        assert text_of(route.stream(PROMPT, stop=Stop(), shown=lambda: False, called=lambda call: None)) == "x"


def test_a_call_that_is_interrupted_while_it_is_waited_for_is_told(stages: Stages) -> None:
    class Interrupted(SimulatedClock):
        def wait(self, mailbox: Mailbox, seconds: float) -> Mail:
            raise KeyboardInterrupt

    stage = Stage([[Play(["x"])]], clock=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        stage.answer()
    assert stage.outcomes == [("m0", "stopped")]


@dataclass
class Silent:
    """A generator of the real world: it says so much at once, and the rest when it is told to."""

    pieces: Sequence[str] = ()
    name: str = "silent"
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    closed: bool = True

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        try:
            for piece in self.pieces:
                yield Chunk(piece)
            self.asked.release()
            self.go_on.wait()
            yield Chunk("nobody hears it")
            self.closed = False
        finally:
            self.ended.release()


def real(generator: Silent, calls: list[ModelCall], **values: float | str) -> tuple[Failover, Member]:
    one = Member("real", settings=options(**values), make=lambda: generator, breaker=Breaker(failures=5, seconds=30))
    return Failover("chat", [one], count_tokens=counted), one


def test_a_stop_is_heard_while_the_model_is_silent() -> None:
    generator, calls, stop = Silent(["Five "]), list[ModelCall](), Stop()
    route, _ = real(generator, calls)
    chunks = route.stream(PROMPT, stop=stop, shown=lambda: True, called=calls.append)

    def client() -> None:
        generator.asked.acquire()
        stop.say()

    assert next(chunks).text == "Five "
    threading.Thread(target=client).start()
    assert list(chunks) == []
    assert [(call.outcome, call.usage.completion_tokens) for call in calls] == [("stopped", 1)]
    generator.go_on.set()
    assert generator.ended.acquire(timeout=30)
    assert generator.closed


def test_a_stop_is_heard_between_two_attempts_and_before_the_first(stages: Stages) -> None:
    stage = stages([Play(error=failed("http_429", retry_after=50))], [Play(["x"])], options=[options(retries=1)] * 2)

    def client() -> None:
        stage.clock.sleep(20)
        stage.stop.say()

    stage.clock.start(client)
    stage.clock.wait(threadless(), 0)
    assert list(stage.stream()) == []
    assert stage.clock.now() == 20
    assert stage.outcomes == [("m0", "http_429")]
    assert list(stage.stream()) == []
    assert len(stage.calls) == 1


def test_one_that_is_closed_early_stops_the_model_and_is_told_of(stages: Stages) -> None:
    stage = stages([Play(["a ", "b ", "c"], silence=1)], [Play(["x"])])
    with closing(stage.stream()) as chunks:
        assert next(chunks).text == "a "
    assert [(call.outcome, call.usage.completion_tokens) for call in stage.calls] == [("stopped", 1)]
    stage.clock.wait(threadless(), 10)
    assert stage.actors[0].closed == 1
    assert stage.actors[1].calls == 0


def test_after_a_thousand_stopped_calls_no_thread_and_no_slot_is_left() -> None:
    before = set(threading.enumerate())
    generator, calls = Silent(), list[ModelCall]()
    route, one = real(generator, calls, max_calls=20)
    for _ in range(50):
        generator.go_on.clear()
        stops = [Stop() for _ in range(20)]
        streams = [
            threading.Thread(
                target=lambda stop=stop: list(route.stream(PROMPT, stop=stop, shown=lambda: False, called=calls.append))
            )
            for stop in stops
        ]
        for stream in streams:
            stream.start()
        for _ in stops:
            assert generator.asked.acquire(timeout=30)
        for stop in stops:
            stop.say()
        for stream in streams:
            stream.join(30)
        with pytest.raises(GeneratorFailed, match="max_calls"):
            list(route.stream(PROMPT, stop=Stop(), shown=lambda: False, called=calls.append))
        generator.go_on.set()
        for _ in stops:
            assert generator.ended.acquire(timeout=30)
        free = [one.slots.acquire(timeout=30) for _ in stops]
        assert all(free)
        one.slots.release(20)
    assert generator.closed
    assert [call.outcome for call in calls] == ["stopped"] * 1000
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(30)
    assert not any(thread.is_alive() for thread in left)


REASONS = ("http_500", "http_429", "http_400", "connection", "cut", "invalid", "failed", "too_long", "boom")
SILENCES = st.sampled_from((0.0, 0.5, 3.0, 14.0, 20.0, 40.0, math.inf))


@st.composite
def plays(draw: st.DrawFn, mark: str) -> Play:
    pieces: list[str | Chunk] = [f"{mark}-{n} " for n in range(draw(st.integers(0, 4)))]
    if draw(st.booleans()):
        pieces.insert(draw(st.integers(0, len(pieces))), Chunk("", draw(st.sampled_from((None, Usage(50, 5))))))
    error: Exception | None = None
    match draw(st.sampled_from((None, *REASONS))):
        case None:
            pass
        case "boom":
            error = ValueError("boom")
        case reason:
            wait = draw(st.sampled_from((None, 0.0, 5.0, 500.0)))
            error = failed(reason, passing=reason not in ("http_400", "too_long"), retry_after=wait)
    return Play(pieces, error, draw(SILENCES), draw(SILENCES))


@st.composite
def shows(draw: st.DrawFn) -> Stage:
    count = draw(st.integers(1, 4))
    return Stage(
        [[draw(plays(f"m{n}.{attempt}")) for attempt in range(5)] for n in range(count)],
        [
            options(retries=draw(st.integers(0, 2)), total_seconds=draw(st.sampled_from((10, 60, 180))))
            for _ in range(count)
        ],
        failures=draw(st.integers(1, 6)),
    )


@settings(deadline=None, max_examples=300)
@given(
    stage=shows(),
    shown_after=st.sampled_from((1, 2, 3, 99)),
    closed_after=st.sampled_from((0, 1, 3, 99, 99)),
)
def test_whatever_fails_one_answer_is_seen_in_time_and_each_call_is_told_once(
    stage: Stage, shown_after: int, closed_after: int
) -> None:
    for _ in range(3):
        began, told = stage.clock.now(), len(stage.calls)
        made = [actor.calls for actor in stage.actors]
        text, shown, complete, error = list[str](), False, False, None
        with closing(stage.stream(shown=lambda: shown)) as chunks:  # noqa: B023
            try:
                for number, chunk in enumerate(chunks):
                    if chunk.restarted:
                        assert not shown
                        text.clear()
                    text.append(chunk.text)
                    shown = shown or len(text) >= shown_after
                    if number >= closed_after:
                        break
                else:
                    complete = True
            except GroundingError as raised:
                error = raised
        assert stage.clock.now() - began <= sum(member.settings.total_seconds for member in stage.members) + 1e-6
        calls = stage.calls[told:]
        assert len(calls) == sum(actor.calls for actor in stage.actors) - sum(made)
        seen = "".join(text)
        if complete:
            last = calls[-1]
            assert last.outcome == "ok"
            actor = next(actor for actor in stage.actors if actor.name == last.generator)
            assert seen == actor.plays[min(actor.calls, 5) - 1].text
        else:
            assert any(play.text.startswith(seen) for actor in stage.actors for play in actor.plays)
            assert shown or error is None or not any(call.outcome == "ok" for call in calls)
        assert isinstance(error, GeneratorFailed | None)
    stage.clock.end()
    for one in stage.members:
        assert one.slots.acquire(blocking=False)
        one.slots.release()


def grounded(route: Failover | Alone, memory: Memory) -> Grounder:
    corpus = MemoryCorpus(passage(1, "Employees in Japan may carry over ten days."))
    return Grounder(
        settings=Settings(home=Path("unused")),
        corpora=lambda name: corpus,
        conversations=memory,
        recorder=memory,
        embedder=lambda fingerprint: HashEmbedder(),
        extractor=CapitalNames(),
        checks=(),
        judgements=MemoryJudgements(),
        spelling=NoSpelling(),
        language_of=lambda text: "en",
        route=lambda name: route,
        prompts=BuiltIn(),
    )


def test_a_turn_shows_the_answer_of_the_second_model_and_bills_both(stages: Stages) -> None:
    stage = stages(
        [Play(["Employees in Japan may", Chunk("", Usage(70, 4))], error=failed("cut"))],
        [Play(["Employees in Japan may carry over ten days [1].", Chunk("", Usage(80, 12))])],
    )
    events = list(grounded(stage.route, Memory()).stream(Ask("carry over in Japan?")))
    assert isinstance(events[-1], Done)
    exchange = events[-1].exchange
    said = "".join(event.text for event in events if isinstance(event, Delta))
    assert said == "Employees in Japan may carry over ten days [1]."
    assert (exchange.outcome, exchange.generator) == ("answered", "m1")
    assert exchange.usage == Usage(150, 16)
    assert [(call.outcome, call.reported) for call in exchange.calls] == [("cut", False), ("ok", True)]


def test_a_turn_that_broke_off_before_the_readers_eyes_fails_and_says_what_was_seen(stages: Stages) -> None:
    stage = stages(
        [Play(["Employees in Japan may carry over ten days [1]. ", "And "], error=failed("cut"))], [Play(["Ten."])]
    )
    memory = Memory()
    with pytest.raises(GeneratorFailed):
        list(grounded(stage.route, memory).stream(Ask("carry over in Japan?")))
    (exchange,) = memory.exchanges
    assert exchange.outcome == "failed"
    assert [call.outcome for call in exchange.calls] == ["cut"]


def test_a_whole_answer_that_broke_off_is_begun_anew_for_nobody_saw_it(stages: Stages) -> None:
    stage = stages(
        [Play(["Employees in Japan may carry over ten days [1]. ", "And "], error=failed("cut"))],
        [Play(["Employees in Japan may carry over ten days [1]."])],
    )
    exchange = grounded(stage.route, Memory()).answer(Ask("carry over in Japan?"))
    assert exchange.answer is not None
    assert exchange.answer.text == "Employees in Japan may carry over ten days [1]."
    assert [call.outcome for call in exchange.calls] == ["cut", "ok"]


@pytest.mark.parametrize(("silence", "called"), [(0.0, 0), (0.3, 1)])
def test_while_a_model_is_silent_there_is_time_for_something_else(stages: Stages, silence: float, called: int) -> None:
    stage, times = stages([Play(("a", "b"), silence=silence)]), list[float]()
    chunks = stage.route.stream(
        PROMPT,
        stop=stage.stop,
        shown=lambda: False,
        called=stage.calls.append,
        meanwhile=lambda: times.append(stage.clock.now()),
    )
    assert text_of(chunks) == "ab"
    assert times == [pytest.approx(UNDISTURBED)] * called
