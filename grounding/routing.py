"""Ways to an answer: a generator by itself, or several that take each other's place."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from collections.abc import Generator as Generating
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from queue import SimpleQueue

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from grounding.calling import Call, Clock, CountTokens, Mailbox, Member, PassedOver
from grounding.errors import GeneratorFailed, GroundingError
from grounding.ports import Generator
from grounding.stopping import Stop
from grounding.values import Chunk, ModelCall, Prompt, Usage

logger = logging.getLogger(__name__)

_PAUSE = wait_random_exponential(multiplier=0.5, max=8)
"""Before a further attempt, where the provider does not say how long: at random up to 0.5 s, then 1 s, 2 s ..."""


def _nothing() -> None:
    """There is nothing to do while one waits."""


class Alone:
    """Route to one generator of this process, which needs no deadline: it computes, it does not wait."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def name(self) -> str:
        return self._generator.name

    def stream(
        self,
        prompt: Prompt,
        *,
        stop: Stop,
        shown: Callable[[], bool],
        called: Callable[[ModelCall], None],
        meanwhile: Callable[[], None] = _nothing,
    ) -> Generating[Chunk, None, None]:
        """As the generator gives it."""
        began, at = time.perf_counter(), datetime.now(UTC)
        first: float | None = None
        usage: Usage | None = None
        outcome = "stopped"
        try:
            with closing(self._generator.stream(prompt)) as chunks:
                for chunk in chunks:
                    if stop.said:
                        return
                    usage = chunk.usage or usage
                    if chunk.text and first is None:
                        first = (time.perf_counter() - began) * 1000
                    yield chunk
            outcome = "ok"
        except GeneratorFailed as error:
            outcome = error.reason
            raise
        finally:
            ms = (time.perf_counter() - began) * 1000
            known = usage is not None
            called(ModelCall(self.name, self.name, "answer", outcome, at, ms, first, usage or Usage(), known))


class Failover:
    """Route to generators in order: the next one answers where one fails and nothing was shown of it yet. Thread-safe.

    Each has its deadlines, of which `total_seconds` covers all its attempts: the route takes at most the sum of them.
    """

    def __init__(
        self, name: str, members: Sequence[Member], *, count_tokens: CountTokens, clock: Clock | None = None
    ) -> None:
        self._name = name
        self._members = tuple(members)
        self._count_tokens = count_tokens
        self._clock = clock or Clock()

    @property
    def name(self) -> str:
        return self._name

    def stream(
        self,
        prompt: Prompt,
        *,
        stop: Stop,
        shown: Callable[[], bool],
        called: Callable[[ModelCall], None],
        meanwhile: Callable[[], None] = _nothing,
    ) -> Generating[Chunk, None, None]:
        """Pieces of text, as ports.Route says. Raises GeneratorFailed, which names each generator and why it failed."""
        lost: list[_Lost] = []
        begun = False
        for member in self._members:
            turn = _MembersTurn(member, prompt, stop, self._clock, self._count_tokens, called, meanwhile)
            restarted = begun
            try:
                with closing(turn.answer()) as chunks:
                    for chunk in chunks:
                        begun = True
                        yield replace(chunk, restarted=restarted)
                        restarted = False
                if restarted and not stop.said:
                    yield Chunk("", restarted=True)  # an empty answer, in place of the broken one
                return
            except GroundingError as error:
                lost.append(_Lost(member.name, error))
                level = logging.INFO if lost[-1].uncalled else logging.WARNING
                logger.log(level, "route %s: no answer of %s: %s", self._name, member.name, lost[-1].reason)
                if shown():
                    raise
        raise self._none_left(lost)

    def _none_left(self, lost: Sequence[_Lost]) -> GroundingError:
        if len(lost) == 1:
            return lost[0].error
        waits = [each.error.retry_after for each in lost if isinstance(each.error, GeneratorFailed)]
        return GeneratorFailed(
            f"no generator of the route {self._name!r} answered: "
            + ", ".join(f"{each.name} ({each.reason})" for each in lost),
            reason=lost[-1].reason,
            passing=any(isinstance(each.error, GeneratorFailed) and each.error.passing for each in lost),
            retry_after=min((wait for wait in waits if wait is not None), default=None),
        )


@dataclass(frozen=True, slots=True)
class _Lost:
    """A generator that did not answer."""

    name: str
    error: GroundingError

    @property
    def reason(self) -> str:
        """A stable word."""
        return self.error.reason if isinstance(self.error, GeneratorFailed) else "unavailable"

    @property
    def uncalled(self) -> bool:
        """Whether nothing was asked of it."""
        return isinstance(self.error, PassedOver) or not isinstance(self.error, GeneratorFailed)


class _MembersTurn:
    """The attempts of one member to answer one prompt."""

    def __init__(
        self,
        member: Member,
        prompt: Prompt,
        stop: Stop,
        clock: Clock,
        count_tokens: CountTokens,
        called: Callable[[ModelCall], None],
        meanwhile: Callable[[], None],
    ) -> None:
        self._member = member
        self._prompt = prompt
        self._stop = stop
        self._clock = clock
        self._count_tokens = count_tokens
        self._called = called
        self._meanwhile = meanwhile
        self._overdue_at = clock.now() + member.settings.total_seconds

    def answer(self) -> Generating[Chunk, None, None]:
        """Its pieces of text; nothing more once it is stopped. Raises GroundingError."""
        retrying = Retrying(
            retry=retry_if_exception(_may_be_mended),
            stop=self._gives_up,
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        begun = retrying(self._begin)
        if begun is None:
            return
        call, chunk = begun
        try:
            while chunk is not None:
                yield chunk
                chunk = call.read()
        finally:
            call.close()

    def _begin(self) -> tuple[Call, Chunk | None] | None:
        """A call and the first piece of text, if it has any; None where nobody waits any more."""
        if self._stop.said:
            return None
        call = Call(
            self._member,
            self._prompt,
            overdue_at=self._overdue_at,
            stop=self._stop,
            clock=self._clock,
            count_tokens=self._count_tokens,
            called=self._called,
            meanwhile=self._meanwhile,
        )
        try:
            return call, call.read()
        except BaseException:
            call.close()
            raise

    def _gives_up(self, state: RetryCallState) -> bool:
        """Whether there is no further attempt: none is left, time or the breaker is against it."""
        return (
            state.attempt_number > self._member.settings.retries
            or self._clock.now() + state.upcoming_sleep >= self._overdue_at
            or not self._member.breaker.closed
        )

    def _sleep(self, seconds: float) -> None:
        mailbox: Mailbox = SimpleQueue()
        with self._stop.heard_by(lambda: mailbox.put(None)):
            self._clock.wait(mailbox, seconds)


def _may_be_mended(error: BaseException) -> bool:
    """Whether another attempt makes sense. Not after a deadline: one that is silent costs the same time again."""
    passing = isinstance(error, GeneratorFailed) and error.passing and error.reason != "timeout"
    return passing and not isinstance(error, PassedOver)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt."""
    error = state.outcome.exception() if state.outcome else None
    told = error.retry_after if isinstance(error, GeneratorFailed) else None
    return float(_PAUSE(state)) if told is None else told
