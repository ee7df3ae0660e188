"""One call of a generator: made in a thread of its own, waited for within deadlines, and told to the ledger once.

A provider's client cannot be interrupted while it waits for the network, so the wait is done by a thread that can be
left behind. It goes on holding its slot of `max_calls` until it ends, and so those left behind cannot pile up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TypeAlias

from grounding.breaker import Admitted, Breaker, Verdict
from grounding.errors import GeneratorFailed, GroundingError
from grounding.permits import resting
from grounding.ports import Generator
from grounding.settings import GeneratorSettings
from grounding.stopping import Stop
from grounding.values import Chunk, ModelCall, Prompt, Usage

CountTokens: TypeAlias = Callable[[Sequence[str]], list[int]]

MOST_TEXT = 1_000_000
"""Characters of one answer; a longer one has gone wrong. A piece counts for at least one."""
UNDISTURBED = 0.02
"""Seconds in which a prompt is sent, on a machine that has other things to do."""
_MILLION = 1_000_000


class PassedOver(GeneratorFailed):
    """No call was made: the generator is busy or left alone, or the prompt is too long for it."""


class Member:
    """A generator of a route, with what all calls of it in this process share. Thread-safe."""

    def __init__(
        self, name: str, *, settings: GeneratorSettings, make: Callable[[], Generator], breaker: Breaker
    ) -> None:
        self.name = name
        self.settings = settings
        self.make = make
        self.breaker = breaker
        self.slots = threading.BoundedSemaphore(settings.max_calls)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A piece of an answer, and when it came, by the clock."""

    at: float
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an answer, which is complete unless there is an error."""

    error: GroundingError | None


Mail: TypeAlias = Arrived | Ended | None
Mailbox: TypeAlias = SimpleQueue[Mail]


class Clock:
    """Time in seconds, and the threads that pass it."""

    def now(self) -> float:
        return time.monotonic()

    def start(self, work: Callable[[], None]) -> None:
        """Does the work in another thread. Raises RuntimeError where there can be no more of them."""
        # A daemon, for a call that nobody waits for any more must not keep the process from ending.
        threading.Thread(target=work, name="generator", daemon=True).start()

    def wait(self, mailbox: Mailbox, seconds: float) -> Mail:
        """What is in the mailbox, or comes in time; None if nothing does, or who waits is woken."""
        with suppress(Empty):
            return mailbox.get_nowait()
        with suppress(Empty), resting():
            return mailbox.get(timeout=max(0.0, seconds))
        return None


class Call:
    """One call, as the one who waits for it sees it. `called` is told of it once, however it ends."""

    def __init__(
        self,
        member: Member,
        prompt: Prompt,
        *,
        overdue_at: float,
        stop: Stop,
        clock: Clock,
        count_tokens: CountTokens,
        called: Callable[[ModelCall], None],
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Begins it. `overdue_at` is when its whole answer must be there, by the clock. Raises PassedOver."""
        self._member = member
        self._prompt = prompt
        self._overdue_at = overdue_at
        self._stop = stop
        self._clock = clock
        self._count_tokens = count_tokens
        self._called = called
        self._meanwhile = meanwhile
        self._told = False
        self._text: list[str] = []
        self._usage: Usage | None = None
        self._heard = False
        self._first_ms: float | None = None
        self._mailbox: Mailbox = SimpleQueue()
        self._kept: Ended | None = None
        generator = _made(member, prompt)
        self._admitted = _admitted(member)
        self._at, self._began = datetime.now(UTC), clock.now()
        self._due_at = self._began + member.settings.first_token_seconds
        self._pump = _Pump(member, generator, prompt, mailbox=self._mailbox, clock=clock)
        try:
            clock.start(self._pump.run)
        except RuntimeError:
            member.slots.release()
            member.breaker.tell(self._admitted, Verdict.UNKNOWN)
            raise _passed_over(member, "busy", "there can be no more threads", passing=True) from None

    def read(self) -> Chunk | None:
        """The next text, as much as is there; None at the end, and once it is stopped. Raises GroundingError,
        GeneratorFailed also for a deadline that passed."""
        with self._stop.heard_by(lambda: self._mailbox.put(None)):
            while True:
                mail = self._mail()
                if self._stop.said:
                    self.close()
                    return None
                match mail:
                    case Arrived() if not self._overdue:
                        if (chunk := self._taken(mail)) is not None:
                            return self._with_more(chunk)
                    case Ended(error=None):
                        self._end("ok", Verdict.WORKS)
                        return None
                    case Ended(error=GroundingError() as error):
                        raise self._failed(error)
                    case _:
                        raise self._failed(self._late())

    def _with_more(self, chunk: Chunk) -> Chunk:
        """The chunk with the text that has come since: to read it at once costs less than piece by piece."""
        text = [chunk.text]
        with suppress(Empty):
            while isinstance(mail := self._mailbox.get_nowait(), Arrived):
                more = self._taken(mail)
                text.append(more.text if more else "")
            self._kept = mail
        return Chunk("".join(text), self._usage)

    def _mail(self) -> Mail:
        """What comes within the deadline. If nothing does at once, `meanwhile` is called; not before: the thread that
        sends the prompt would have to wait for it."""
        if self._kept is not None:
            return self._kept
        if self._meanwhile is not None and self._left > UNDISTURBED:
            mail = self._clock.wait(self._mailbox, UNDISTURBED)
            if mail is not None or self._stop.said:
                return mail
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return self._clock.wait(self._mailbox, self._left)

    @property
    def _left(self) -> float:
        return min(self._due_at, self._overdue_at) - self._clock.now()

    @property
    def _overdue(self) -> bool:
        """Whether the answer was not whole in time: one that was may be read as slowly as anybody likes."""
        return self._clock.now() > self._overdue_at and not self._pump.ended

    def close(self) -> None:
        """Stops the call, if it has not ended."""
        # A provider whose text came works; of one that was still silent, nothing is known.
        self._end("stopped", Verdict.WORKS if self._text else Verdict.UNKNOWN)

    def _taken(self, mail: Arrived) -> Chunk | None:
        chunk = mail.chunk
        self._heard = True
        self._usage = chunk.usage or self._usage
        if chunk.text or chunk.usage is None:
            self._due_at = mail.at + self._member.settings.between_tokens_seconds
        if not chunk.text:
            return None
        if self._first_ms is None:
            self._first_ms = (mail.at - self._began) * 1000
        self._text.append(chunk.text)
        return chunk

    def _late(self) -> GeneratorFailed:
        if self._clock.now() >= self._overdue_at:
            said = f"its answer was not complete after {self._member.settings.total_seconds:g} seconds"
        elif self._text:
            said = "its answer did not go on in time"
        else:
            said = "no answer began in time"
        return GeneratorFailed(f"generator {self._member.name!r} failed: {said}", reason="timeout", passing=True)

    def _failed(self, error: GroundingError) -> GroundingError:
        if isinstance(error, GeneratorFailed):
            self._end(error.reason, Verdict.FAILS if error.passing else Verdict.UNKNOWN)
        else:  # it could not be set up: nobody was called
            self._end(None, Verdict.UNKNOWN)
        return error

    def _end(self, outcome: str | None, verdict: Verdict) -> None:
        if self._told:
            return
        self._told = True
        self._pump.leave()
        self._member.breaker.tell(self._admitted, verdict)
        if outcome is None:
            return
        reported = outcome == "ok" and self._usage is not None
        usage = self._usage if reported and self._usage else self._estimate(outcome)
        self._called(
            ModelCall(
                generator=self._member.name,
                model=self._member.settings.model,
                purpose="answer",
                outcome=outcome,
                started_at=self._at,
                ms=(self._clock.now() - self._began) * 1000,
                first_token_ms=self._first_ms,
                usage=priced(usage, self._member.settings),
                reported=reported,
            )
        )

    def _estimate(self, outcome: str) -> Usage:
        """What a call that ended early, or whose provider does not say, has cost at least."""
        if not self._heard and (outcome == "connection" or outcome.startswith("http_")):
            return Usage()  # it was refused
        (completion,) = self._count_tokens(["".join(self._text)]) if self._text else [0]
        told = self._usage or Usage(self._prompt.tokens)
        return replace(told, completion_tokens=max(told.completion_tokens, completion))


class _Pump:
    """The thread of a call: what its generator yields goes into the mailbox, until it is left. Owns a slot."""

    def __init__(self, member: Member, generator: Generator, prompt: Prompt, *, mailbox: Mailbox, clock: Clock) -> None:
        self._member = member
        self._generator = generator
        self._prompt = prompt
        self._mailbox = mailbox
        self._clock = clock
        self._left = False
        self.ended = False

    def leave(self) -> None:
        """Nobody waits any more: it ends as soon as the generator comes back."""
        self._left = True

    def run(self) -> None:
        error: GroundingError | None = None
        try:
            self._fill()
        except GroundingError as raised:
            error = raised
        except BaseException as raised:  # noqa: BLE001 - it is raised where the answer is waited for
            kind = type(raised).__name__
            error = GeneratorFailed(f"generator {self._member.name!r} failed ({kind})", reason="failed")
        self.ended = True
        self._member.slots.release()  # before the end is told, so that who hears of it finds the slot free
        self._mailbox.put(Ended(error))

    def _fill(self) -> None:
        size = 0
        with closing(self._generator.stream(self._prompt)) as chunks:
            for chunk in chunks:
                if self._left:
                    return
                silent = not chunk.text and chunk.usage is None
                if silent and not self._mailbox.empty():
                    continue  # a sign of life is for who waits
                size += max(1, len(chunk.text))
                if size > MOST_TEXT:
                    said = f"its answer has more than {MOST_TEXT} characters"
                    raise GeneratorFailed(f"generator {self._member.name!r} failed: {said}", reason="too_large")
                self._mailbox.put(Arrived(self._clock.now(), chunk))


def priced(usage: Usage, settings: GeneratorSettings) -> Usage:
    """The usage with what it costs, in USD; as it is where prices are not known."""
    if settings.input_price is None or settings.output_price is None:
        return usage
    cached_price = settings.input_price if settings.cached_input_price is None else settings.cached_input_price
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    prompt = (usage.prompt_tokens - cached) * settings.input_price + cached * cached_price
    return replace(usage, cost_usd=(prompt + usage.completion_tokens * settings.output_price) / _MILLION)


def _made(member: Member, prompt: Prompt) -> Generator:
    """The member's generator, and a slot of its for one call."""
    most = member.settings.max_prompt_tokens
    if most is not None and prompt.tokens > most:
        raise _passed_over(member, "too_long", f"the prompt has {prompt.tokens} tokens, and it takes {most}")
    generator = member.make()
    if not member.slots.acquire(blocking=False):
        said = f"{member.settings.max_calls} calls of it are under way (max_calls)"
        raise _passed_over(member, "busy", said, passing=True)
    return generator


def _admitted(member: Member) -> Admitted:
    """Leave of the member's breaker; its slot is given back if there is none."""
    admitted = member.breaker.admit()
    if admitted is None:
        member.slots.release()
        error = _passed_over(member, "open", "it failed too often of late and is left alone", passing=True)
        error.retry_after = member.breaker.remaining or None
        raise error
    return admitted


def _passed_over(member: Member, reason: str, said: str, *, passing: bool = False) -> PassedOver:
    return PassedOver(f"generator {member.name!r} was not called: {said}", reason=reason, passing=passing)
