"""Grounder: one turn from question to Exchange. Every step is named here, in order; what is not named does not happen.

`answer` and `stream` run all ten steps, `ground` the first seven, `search` retrieval alone.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Generating
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, TypeAlias

from grounding import caching, history, postprocess, preprocess, prompt, refusals, retrieve
from grounding.errors import GeneratorFailed, GroundingError, InvalidRequest, NotFound
from grounding.filters import Filter, as_json, both, parse, readable_by
from grounding.ports import (
    Conversations,
    Corpus,
    Embedder,
    EntityExtractor,
    Judgements,
    Polisher,
    Prompts,
    QuestionRewriter,
    Recorder,
    Reranker,
    Route,
    SafetyCheck,
    SpellingCorrector,
)
from grounding.safety.policy import PLACEHOLDER, Policy, Vault, policy, redact, worst
from grounding.safety.screen import Part, Screen
from grounding.settings import Settings
from grounding.stopping import Stop
from grounding.support import Readings
from grounding.tracing import Trace
from grounding.values import (
    Answer,
    Citation,
    Dropped,
    Evidence,
    Exchange,
    Fingerprint,
    Message,
    ModelCall,
    Outcome,
    Passage,
    Prompt,
    Question,
    Step,
    Template,
    Turn,
    Usage,
    Verdict,
)

Kind: TypeAlias = Literal["search", "ground", "chat"]
GONE = "closed by the client"
"""The error of a record whose caller went away."""

ExchangeOutcome: TypeAlias = Outcome | Literal["ready", "no_evidence", "found", "failed"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a caller wants to know. `history` is for callers who keep their own; with a `conversation_id`, it is
    read from the store. `instructions` are the calling application's, added to those of the prompt. `caller` is who
    asks, `key` the name of their key, by which there may be rules of safety, `user` whom they ask for. `groups` are
    those that the caller belongs to; None may read everything. `trace_id` is to be that of the record, of
    this one alone; "" for one made here. Once `stop` is said, nobody waits."""

    text: str
    collection: str = "default"
    top_k: int | None = None
    filters: Filter | None = None
    conversation_id: str | None = None
    history: tuple[Turn, ...] = ()
    generator: str | None = None
    instructions: str = ""
    caller: str = ""
    key: str = ""
    user: str = ""
    trace_id: str = ""
    stop: Stop = field(default_factory=Stop, compare=False)
    groups: frozenset[str] | None = None

    @property
    def readable(self) -> Filter | None:
        """What the caller may read."""
        return readable_by(self.groups)

    @property
    def where(self) -> Filter | None:
        """What is searched: what the caller may read, within the caller's own filters."""
        return both(self.readable, self.filters)


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    citation: Citation


@dataclass(frozen=True, slots=True)
class Done:
    exchange: Exchange


Event: TypeAlias = EvidenceFound | Delta | Cited | Done


@dataclass(slots=True)
class _Turn:
    """What a turn has come to know so far; belongs to one call and one thread."""

    kind: Kind
    ask: Ask
    trace: Trace
    trace_id: str
    question: Question
    policy: Policy
    vault: Vault
    verdicts: list[Verdict] = field(default_factory=list)
    history: tuple[Turn, ...] = ()
    recalled: tuple[str, ...] = ()
    found: retrieve.Retrieved = field(default_factory=lambda: retrieve.Retrieved((), (), (), ()))
    dropped: list[Dropped] = field(default_factory=list)
    prompt: Prompt | None = None
    messages: tuple[Message, ...] = ()
    change: int = 0
    generations: tuple[str, ...] = ()
    instructions: str = ""
    template: Template | None = None
    standing: str = ""
    wanted: caching.Wanted | None = None
    cached_from: str | None = None
    calls: list[ModelCall] = field(default_factory=list)
    generator: str = ""
    answering: bool = False
    assembler: postprocess.Assembler | None = None

    @property
    def answered_by(self) -> str:
        """The generator that was called last for the answer."""
        return next((call.generator for call in reversed(self.calls) if call.purpose == "answer"), self.generator)

    @property
    def prompt_version(self) -> str:
        """Of the prompt that was sent, or that of the answer which is given again was made with."""
        if self.prompt is not None:
            return self.prompt.version
        return self.template.version if self.template is not None and self.cached_from else ""

    @property
    def usage(self) -> Usage:
        return sum((call.usage for call in self.calls), Usage())

    @property
    def shown(self) -> Answer | None:
        return self.assembler.answer() if self.assembler and self.answering else None

    @property
    def used(self) -> tuple[Evidence, ...]:
        """The evidence that was not dropped."""
        lost = {item.passage_id for item in self.dropped}
        return tuple(item for item in self.found.evidence if item.passage.id not in lost)


class Grounder:
    """Answers from a corpus. Thread-safe: a turn keeps its state to itself."""

    def __init__(
        self,
        *,
        settings: Settings,
        corpora: Callable[[str], Corpus],
        conversations: Conversations,
        recorder: Recorder,
        embedder: Callable[[Fingerprint | None], Embedder],
        extractor: EntityExtractor,
        checks: Sequence[SafetyCheck],
        judgements: Judgements,
        spelling: SpellingCorrector,
        language_of: Callable[[str], str],
        route: Callable[[str], Route],
        prompts: Prompts,
        rewriter: QuestionRewriter | None = None,
        reranker: Reranker | None = None,
        polisher: Polisher | None = None,
        answers: caching.Answers | None = None,
    ) -> None:
        self._settings = settings
        self._corpora = corpora
        self._conversations = conversations
        self._recorder = recorder
        self._embedder = embedder
        self._extractor = extractor
        self._screen = Screen(checks, judgements)
        self._spelling = spelling
        self._language_of = language_of
        self._route = route
        self._prompts = prompts
        self._rewriter = rewriter
        self._reranker = reranker
        self._polisher = polisher
        self._answers = None if settings.cache.answers == "off" else answers
        self._program = caching.program(settings) if self._answers else ""
        self._versions = tuple(f"{check.name}@{check.version}" for check in checks) if self._answers else ()
        self._readings = Readings()

    def search(self, ask: Ask) -> Exchange:
        """Retrieval alone, recorded: outcome `found`, or `no_evidence`."""
        corpus, turn = self._begin("search", ask)
        with self._failing_on_record(turn):
            self._recall(turn)
            self._rewrite(turn)
            self._recognise(turn)
            self._retrieve(turn, corpus)
            self._publish(turn)
        return self._finish(turn, outcome="found" if turn.found.evidence else "no_evidence")

    def ground(self, ask: Ask) -> Exchange:
        """Steps 1 to 7: the augmented prompt for a caller's own model: outcome `ready`, `refused` or `no_evidence`."""
        corpus, turn = self._begin("ground", ask)
        if refusal := self._screen_question(turn):
            return self._finish(turn, outcome="refused", answer=refusal)
        with self._failing_on_record(turn):
            self._recall(turn)
            self._gather(turn, corpus)
        return self._finish(turn, outcome="ready" if turn.used else "no_evidence")

    def answer(self, ask: Ask) -> Exchange:
        """All ten steps: a grounded answer, or an honest refusal or abstention."""
        for event in self.stream(ask, live=False):
            if isinstance(event, Done):
                return event.exchange
        raise GeneratorFailed("nobody waited for the answer any more", reason="stopped")

    def stream(self, ask: Ask, *, live: bool = True) -> Generating[Event, None, None]:
        """The same as events: the evidence, then verified sentences with their citations, then the Exchange.

        Nothing is shown before a first citation holds. Closed early, or stopped, it stops the model and records what
        there was. If not `live`, nobody sees an event before the last one, so that another model may begin anew at any
        time: the text of the last event's answer holds, and that of deltas may not.
        """
        corpus, turn = self._begin("chat", ask)
        with self._failing_on_record(turn):
            if answer := self._screen_question(turn):
                yield Delta(answer.text)
            elif answer := self._recalled_answer(turn, corpus):
                yield EvidenceFound(turn.used)
                yield Delta(answer.text)
                yield from (Cited(citation) for citation in answer.citations)
            else:
                self._gather(turn, corpus)
                yield EvidenceFound(turn.used)
                assembler = yield from self._generate(turn, corpus, live=live)
                if ask.stop.said:
                    self._finish(turn, outcome="partial", answer=turn.shown, error=GONE)
                    return
                answer = self._conclude(turn, assembler)
                if answer.outcome in ("abstained", "refused"):
                    yield Delta(answer.text)
                    yield from (Cited(citation) for citation in answer.citations)
        exchange = self._finish(turn, outcome=answer.outcome, answer=answer)
        self._keep(turn, exchange)
        yield Done(exchange)

    @contextmanager
    def _failing_on_record(self, turn: _Turn) -> Iterator[None]:
        """Whatever ends a turn early leaves its record, with what was shown of it and what was called for it."""
        try:
            yield
        except GeneratorExit:
            self._finish(turn, outcome="partial", answer=turn.shown, error=GONE)
            raise
        except Exception as error:
            told = f"{error.code}: {error}" if isinstance(error, GroundingError) else "internal"
            self._finish(turn, outcome="failed", answer=turn.shown, error=told)
            raise

    def replay(self, exchange: Exchange, *, corpus: Corpus) -> retrieve.Retrieved:
        """What retrieval finds for a recorded question within its filters, in the corpus of now or of then; recorded
        nowhere."""
        return retrieve.retrieve(
            _reworded(exchange.question, Vault(exchange.values).restore),
            corpus=corpus,
            embedder=self._embedder,
            options=self._settings.searching,
            top_k=len(exchange.evidence) or self._settings.retrieval.top_k,
            where=parse(exchange.filters),
            trace=Trace(),
            reranker=self._reranker,
        )

    def _recalled_answer(self, turn: _Turn, corpus: Corpus) -> Answer | None:
        """Step 3, and the answer to the same question, where one is remembered that still holds."""
        self._recall(turn)
        return self._remembered(turn, corpus, self._answers) if self._answers is not None else None

    def _gather(self, turn: _Turn, corpus: Corpus) -> None:
        """Steps 4 to 7: evidence, and the prompt."""
        self._rewrite(turn)
        self._recognise(turn)
        self._retrieve(turn, corpus)
        self._screen_evidence(turn)
        self._publish(turn)
        self._compose(turn)

    def _begin(self, kind: Kind, ask: Ask) -> tuple[Corpus, _Turn]:
        """1 preprocess: characters, format, language, spelling; what the checks find is known from here on."""
        trace = Trace()
        with trace.step("preprocess") as facts:
            corpus = self._corpora(ask.collection)
            if ask.top_k is not None and ask.top_k < 1:
                raise InvalidRequest(f"top_k: expected 1 or more, got {ask.top_k}")
            question = preprocess.question(
                ask.text,
                max_chars=self._settings.retrieval.max_question_chars,
                language_of=self._language_of,
                spelling=self._spelling,
                known=partial(corpus.knows, where=ask.readable),
                near=partial(corpus.words_near, where=ask.readable),
            )
            facts["language"], facts["characters"] = question.language, len(question.clean)
        with trace.step("screen") as facts:
            rules, vault = policy(self._settings.safety, collection=ask.collection, key=ask.key), self._vault(ask)
            trace_id = ask.trace_id or uuid.uuid4().hex
            turn = _Turn(kind, ask, trace, trace_id, question, rules, vault, change=corpus.change)
            turn.verdicts += self._screen.judge(
                question.clean, part="question", origin="question", language=question.language, policy=rules
            )
            redact(question.clean, turn.verdicts, turn.vault)
            facts["verdicts"] = len(turn.verdicts)
        return corpus, turn

    def _vault(self, ask: Ask) -> Vault:
        """The placeholders of this conversation so far."""
        if ask.conversation_id is None:
            return Vault()
        return Vault(self._conversations.private_values(ask.conversation_id, where=ask.readable))

    def _screen_question(self, turn: _Turn) -> Answer | None:
        """2 screen question: a refusal where a check blocks it."""
        if worst(turn.verdicts) != "block":
            return None
        return Answer(refusals.refusal(turn.verdicts, language=turn.question.language), "refused")

    def _recall(self, turn: _Turn) -> None:
        """3 recall: earlier turns within budget, and the question in a form that stands alone."""
        with turn.trace.step("recall") as facts:
            turns = self._earlier(turn.ask)
            turn.recalled = tuple(past.trace_id for past in turns if past.role == "assistant" and past.trace_id)
            kept = history.window(
                turns, budget=self._settings.prompting.history_tokens, count_tokens=self._embedder(None).count_tokens
            )
            turn.history = tuple(self._without_private_values(turn, past, number) for number, past in enumerate(kept))
            language = history.language(turn.question.clean, turns, language_of=self._language_of)
            found = history.in_context(turn.question.clean, turns, language=language)
            if len(kept) < len(turns):  # what was not screened for the prompt may be said in these
                self._learn_private_values(turn, f"{found.context}\n{found.standalone}")
            turn.question = replace(
                turn.question, standalone=found.standalone, context=found.context, language=language
            )
            facts["turns"], facts["in_prompt"] = len(turns), len(turn.history)
            facts["follow_up"] = bool(found.context) or found.standalone != turn.question.clean

    def _rewrite(self, turn: _Turn) -> None:
        """A model's stand-alone form of a follow-up, searched beside the others; a model that fails costs that form and
        no more. It is shown placeholders for private values."""
        rewriter = self._rewriter
        if rewriter is None or not turn.history:
            return
        with turn.trace.step("rewrite") as facts:
            facts["rewriter"] = rewriter.name
            found = rewriter.rewrite(turn.vault.hide(turn.question.clean), turn.history)
            if found.call is not None:
                turn.calls.append(found.call)
                facts["outcome"] = found.call.outcome
            facts["rewritten"] = found.text is not None
            turn.question = replace(turn.question, rewritten=found.text and turn.vault.restore(found.text))

    def _learn_private_values(self, turn: _Turn, text: str) -> None:
        """Records are to get placeholders for private values of this text, too."""
        verdicts = self._screen.judge(
            text, part="history", origin="history", language=turn.question.language, policy=turn.policy
        )
        redact(text, verdicts, turn.vault)

    def _without_private_values(self, turn: _Turn, past: Turn, number: int) -> Turn:
        part, language = f"history:{number}", turn.question.language
        verdicts = self._screen.judge(past.content, part=part, origin="history", language=language, policy=turn.policy)
        turn.verdicts += verdicts
        return replace(past, content=turn.vault.hide(redact(past.content, verdicts, turn.vault)), values={})

    def _earlier(self, ask: Ask) -> list[Turn]:
        turns: Sequence[Turn] = ask.history
        if ask.conversation_id is not None:
            try:
                turns = self._conversations.turns(ask.conversation_id, where=ask.readable)
            except NotFound:
                turns = ask.history
        return [
            replace(turn, content=postprocess.MARKER.sub("", Vault(turn.values).restore(turn.content)))
            for turn in turns
        ]

    def _remembered(self, turn: _Turn, corpus: Corpus, answers: caching.Answers) -> Answer | None:
        """The answer that was given to the same question, if it still holds; its evidence becomes that of this turn.
        Nothing is looked for where something private was said, but for names that the passages may say, too."""
        if not self._may_be_shared(turn):
            return None
        with turn.trace.step("cache") as facts:
            facts["hit"], facts["kind"] = False, None
            standing, fingerprint = answers.standing(turn.ask.collection), corpus.fingerprint
            if standing is None or fingerprint is None:
                return None
            turn.standing = standing
            turn.wanted = caching.wanted(self._scope(turn, fingerprint), turn.question)
            since = self._kept_since()
            found, kind = answers.same(turn.wanted, since=since), "exact"
            cache = self._settings.cache
            if found is None and cache.answers == "semantic" and caching.stands_alone(turn.question):
                (vector,) = self._embedder(fingerprint).embed_queries([turn.question.standalone])
                turn.wanted = replace(turn.wanted, vector=vector)
                found, kind = answers.like(turn.wanted, since=since, similarity=cache.similarity), "semantic"
            if found is not None:
                found = caching.renewed(found, lambda document, at: corpus.document_text(document, version=at))
            if found is None:
                return None
            recalled = retrieve.Retrieved((), (), found.evidence, (), found.confidence)
            given = replace(turn, found=recalled, vault=deepcopy(turn.vault))  # published only if it is given
            given.dropped = [*found.dropped]
            given.verdicts = [*turn.verdicts, *caching.verdicts(found)]
            self._publish(given)
            for item in given.used:  # so that the record hides what the passages say that is private
                self._redacted(item.passage, given)
            if self._is_private(given, found.answer):
                return None
            facts["hit"], facts["kind"] = True, kind
        turn.found, turn.dropped, turn.verdicts, turn.vault = given.found, given.dropped, given.verdicts, given.vault
        turn.cached_from, turn.generator, turn.generations = found.trace_id, found.generator, found.generations
        return found.answer

    def _may_be_shared(self, turn: _Turn) -> bool:
        """Whether nothing private is in the question but names that passages may publish, and nothing in the history,
        whose placeholders stand for other values in every conversation."""
        if any(PLACEHOLDER.search(past.content) for past in turn.history):
            return False
        hidden = PLACEHOLDER.finditer("\n".join(_said(self._hidden(turn))))
        return all(turn.policy.may_be_published(found["kind"]) for found in hidden)

    def _is_private(self, turn: _Turn, answer: Answer | None) -> bool:
        """Whether something is hidden in the question or in the answer, now that names are published."""
        said = [*_said(turn.question), *(_told(answer) if answer is not None else ())]
        return any(turn.vault.hide(text) != text for text in said)

    def _scope(self, turn: _Turn, fingerprint: Fingerprint) -> caching.Scope:
        """All that another turn must have in common with this one to be given its answer."""
        ask = turn.ask
        return caching.Scope(
            collection=ask.collection,
            standing=turn.standing,
            embedder=repr(fingerprint),
            readable={} if ask.readable is None else as_json(ask.readable),
            filters={} if ask.filters is None else as_json(ask.filters),
            prompt=self._template(turn),
            instructions=ask.instructions,
            generator=ask.generator or self._settings.models.generator,
            top_k=ask.top_k or self._settings.retrieval.top_k,
            policy=turn.policy,
            checks=self._versions,
            language=turn.question.language,
            history=tuple((past.role, past.content) for past in turn.history),
            program=self._program,
        )

    def _kept_since(self) -> datetime:
        return datetime.now(UTC) - timedelta(hours=self._settings.cache.hours)

    def _keep(self, turn: _Turn, exchange: Exchange) -> None:
        """Remembers a whole answer, to be given again, where nothing private was said for it."""
        if self._answers is None or turn.wanted is None or turn.cached_from is not None:
            return
        asked_for = any(v.part == "instructions" and v.action == "redact" for v in turn.verdicts)
        route = self._settings.routes.get(turn.ask.generator or self._settings.models.generator, ())
        makeshift = bool(route) and exchange.generator != route[0]  # it must not outlast what it stood in for
        if caching.is_whole(exchange) and not (asked_for or makeshift or self._is_private(turn, exchange.answer)):
            self._answers.keep(
                turn.wanted,
                trace_id=exchange.trace_id,
                collection=turn.ask.collection,
                standing=turn.standing,
                since=self._kept_since(),
                entries=self._settings.cache.entries,
            )

    def _recognise(self, turn: _Turn) -> None:
        """4 recognise: names in the question, and in what a follow-up leans on."""
        with turn.trace.step("recognise") as facts:
            (found,) = self._extractor.extract([turn.question.standalone], language=turn.question.language)
            turn.question = replace(turn.question, entities=found)
            facts["entities"] = len(found)

    def _retrieve(self, turn: _Turn, corpus: Corpus) -> None:
        """5 retrieve: dense, lexical and entity legs under the caller's permissions and filters, fused, without
        duplicates."""
        turn.found = retrieve.retrieve(
            turn.question,
            corpus=corpus,
            embedder=self._embedder,
            options=self._settings.searching,
            top_k=turn.ask.top_k or self._settings.retrieval.top_k,
            where=turn.ask.where,
            trace=turn.trace,
            reranker=self._reranker,
        )
        turn.dropped += turn.found.dropped
        turn.generations = corpus.generations

    def _screen_evidence(self, turn: _Turn) -> None:
        """6 screen evidence: what speaks to the model is cut out of a passage, or costs the passage; others stay."""
        with turn.trace.step("screen_evidence") as facts:
            verdicts = self._screen.judge_passages(
                [part for item in turn.found.evidence for part in _parts(item.passage)], policy=turn.policy
            )
            turn.verdicts += verdicts
            for item in turn.found.evidence:
                lost = [v for v in verdicts if v.part == _part(item.passage) and v.action in ("drop", "block")]
                if lost:
                    reason = f"{lost[0].check}: {lost[0].reason}"
                    turn.dropped.append(Dropped(item.passage.id, "screen", reason))
            facts["dropped"] = len(turn.found.evidence) - len(turn.used)
            facts["cut"] = sum(v.check == "injection" and v.action == "redact" for v in verdicts)

    def _publish(self, turn: _Turn) -> None:
        """A name that the passages say themselves is no secret of who asks: the model may see it in the question."""
        said = "\n".join(f"{item.passage.title}\n{item.passage.heading}\n{item.passage.text}" for item in turn.used)
        for kind, value in turn.vault.publish_named(said, may=turn.policy.may_be_published):
            turn.verdicts = [
                replace(verdict, action="allow")
                if verdict.reason == kind and self._said(turn, verdict) == value
                else verdict
                for verdict in turn.verdicts
            ]
        turn.history = tuple(replace(past, content=turn.vault.show_published(past.content)) for past in turn.history)

    def _said(self, turn: _Turn, verdict: Verdict) -> str | None:
        return turn.question.clean[verdict.start : verdict.end] if verdict.part == "question" else None

    def _compose(self, turn: _Turn) -> None:
        """7 compose: the prompt within the token budget, with placeholders for private values."""
        with turn.trace.step("compose") as facts:
            turn.prompt, dropped = prompt.compose(
                self._hidden(turn),
                template=self._template(turn),
                instructions=self._instructions(turn),
                evidence=[replace(item, passage=self._redacted(item.passage, turn)) for item in turn.used],
                history=turn.history,
                budget=self._settings.prompting.budget_tokens,
                nonce=secrets.token_hex(4),
                count_tokens=self._embedder(None).count_tokens,
            )
            turn.dropped += dropped
            turn.messages = prompt.render(turn.prompt)
            facts["tokens"], facts["passages"] = turn.prompt.tokens, len(turn.prompt.evidence)

    def _template(self, turn: _Turn) -> Template:
        """The system text in use, read once in a turn."""
        if turn.template is None:
            turn.template = self._prompts.template(collection=turn.ask.collection, language=turn.question.language)
        return turn.template

    def _instructions(self, turn: _Turn) -> str:
        """What the calling application adds to the prompt, with placeholders for private values."""
        if not (text := turn.ask.instructions):
            return ""
        verdicts = self._screen.judge(
            text, part="instructions", origin="history", language=turn.question.language, policy=turn.policy
        )
        turn.verdicts += verdicts
        return turn.vault.hide(redact(text, verdicts, turn.vault))

    def _hidden(self, turn: _Turn) -> Question:
        """The question with placeholders for private values in each of its forms."""
        names = tuple(replace(name, text=turn.vault.hide_name(name.text)) for name in turn.question.entities)
        hidden = replace(_reworded(turn.question, turn.vault.hide), entities=names)
        # As it was typed, a value may be written with signs between that the checks, which read it clean, never saw.
        return hidden if hidden.clean == turn.question.clean else replace(hidden, raw=hidden.clean)

    def _redacted(self, passage: Passage, turn: _Turn) -> Passage:
        """The passage as the model may see it; a title that speaks to the model is left out."""
        text, label = (
            [verdict for verdict in turn.verdicts if verdict.part == part] for part in (_part(passage), _label(passage))
        )
        shown = replace(passage, text=redact(passage.text, text, turn.vault))
        if not label:
            return shown
        if any(verdict.check == "injection" for verdict in label if verdict.action != "allow"):
            return replace(shown, title="", heading="")
        learned = redact(_label_text(passage), label, turn.vault)
        return replace(shown, title=learned, heading="")

    def _assembler(self, turn: _Turn, corpus: Corpus) -> postprocess.Assembler:
        return postprocess.Assembler(
            turn.used,
            document_text=lambda document_id, version: corpus.document_text(document_id, version=version),
            language=turn.question.language,
            restore=turn.vault.restore,
            polished=partial(self._polisher.polish, language=turn.question.language) if self._polisher else str,
            unsupported=turn.policy.unsupported,
            said=f"{turn.question.raw}\n{turn.question.clean}",
            readings=self._readings,
        )

    def _generate(self, turn: _Turn, corpus: Corpus, *, live: bool) -> Generating[Event, None, postprocess.Assembler]:
        """8 generate and 9 postprocess, interleaved: each sentence is verified and screened before it is shown."""
        assert turn.prompt is not None
        assembler = turn.assembler = self._assembler(turn, corpus)
        if not turn.prompt.evidence or self._is_unlikely(turn):
            return assembler
        route = self._route(turn.ask.generator or self._settings.models.generator)
        turn.generator = route.name
        waiting: list[postprocess.Piece] = []
        with turn.trace.step("generate") as facts:
            chunks = route.stream(
                turn.prompt,
                stop=turn.ask.stop,
                shown=lambda: live and turn.answering,
                called=turn.calls.append,
                meanwhile=assembler.prepare,
            )
            with closing(chunks):
                for chunk in chunks:
                    if chunk.restarted:
                        assembler = self._anew(turn, corpus)
                        waiting.clear()
                    if not (yield from self._show(turn, assembler.feed(chunk.text), waiting)):
                        return assembler
            if turn.ask.stop.said:  # what is left is half a sentence
                return assembler
            yield from self._show(turn, assembler.close(), waiting)
            facts["completion_tokens"], facts["calls"] = turn.usage.completion_tokens, len(turn.calls)
        return assembler

    def _is_unlikely(self, turn: _Turn) -> bool:
        """Whether the evidence is too unlikely to answer for a model to be asked: then the turn abstains."""
        least, confidence = self._settings.retrieval.min_confidence, turn.found.confidence
        if not least:
            return False
        with turn.trace.step("decide") as facts:
            facts["confidence"], facts["least"] = confidence, least
            facts["asked"] = confidence is None or confidence >= least
        return confidence is not None and confidence < least

    def _anew(self, turn: _Turn, corpus: Corpus) -> postprocess.Assembler:
        """Begins the answer anew: nothing of the one before was shown."""
        turn.answering = False
        turn.verdicts = [verdict for verdict in turn.verdicts if verdict.part != "answer"]
        turn.assembler = self._assembler(turn, corpus)
        return turn.assembler

    def _show(
        self, turn: _Turn, pieces: Iterator[postprocess.Piece], waiting: list[postprocess.Piece]
    ) -> Generating[Event, None, bool]:
        """Shows the pieces after those that are `waiting`, where they wait in turn until the first citation holds;
        False where one is blocked."""
        for each in pieces:
            waiting.append(each)
            if not turn.answering and not each.citations:
                continue
            for piece in waiting:
                if not self._passes(turn, piece.text):
                    return False
                turn.answering = True
                yield Delta(piece.text)
                yield from (Cited(citation) for citation in piece.citations)
            waiting.clear()
        return True

    def _passes(self, turn: _Turn, text: str) -> bool:
        verdicts = self._screen.judge(
            text, part="answer", origin="answer", language=turn.question.language, policy=turn.policy
        )
        turn.verdicts += verdicts
        redact(text, verdicts, turn.vault)  # a value of the model's own making is not to be recorded, either
        return worst(verdicts) != "block"

    def _conclude(self, turn: _Turn, assembler: postprocess.Assembler) -> Answer:
        """9 postprocess: the answer as a whole, with its outcome."""
        with turn.trace.step("postprocess") as facts:
            answer = assembler.answer()
            if any(v.part == "answer" and v.action == "block" for v in turn.verdicts):
                answer = Answer(refusals.refusal(turn.verdicts, language=turn.question.language), "refused")
            facts["citations"], facts["unsupported"] = len(answer.citations), len(answer.support.unsupported)
        return answer

    def _finish(
        self, turn: _Turn, *, outcome: ExchangeOutcome, answer: Answer | None = None, error: str | None = None
    ) -> Exchange:
        """10 record: the Exchange, whatever the outcome; private values of the question are kept as placeholders."""
        chat = turn.kind == "chat"
        exchange = Exchange(
            trace_id=turn.trace_id,
            kind=turn.kind,
            created_at=datetime.now(UTC),
            collection=turn.ask.collection,
            question=turn.question,
            outcome=outcome,
            caller=turn.ask.caller,
            conversation_id=turn.ask.conversation_id or (uuid.uuid4().hex if chat else None),
            message_id=uuid.uuid4().hex if chat else None,
            change=turn.change,
            generations=turn.generations,
            filters={} if turn.ask.where is None else as_json(turn.ask.where),
            recalled=turn.recalled,
            legs=turn.found.legs,
            ranking=turn.found.ranking,
            confidence=turn.found.confidence,
            evidence=turn.found.evidence,
            dropped=tuple(turn.dropped),
            verdicts=tuple(turn.verdicts),
            messages=turn.messages,
            prompt_version=turn.prompt_version,
            prompt_tokens=turn.prompt.tokens if turn.prompt else 0,
            generator=turn.answered_by,
            answer=answer,
            usage=turn.usage,
            calls=tuple(turn.calls),
            user=turn.ask.user,
            cached_from=turn.cached_from,
            steps=(*turn.trace.steps, Step("total", turn.trace.total_ms())),
            error=error,
        )
        recorded = self._as_recorded(turn, exchange)
        self._recorder.record(recorded, turns=_turns(recorded, turn.vault) if chat and error is None else ())
        return exchange

    def _as_recorded(self, turn: _Turn, exchange: Exchange) -> Exchange:
        """The exchange with placeholders for what the checks found private, wherever it is said."""
        hide = turn.vault.hide
        question = self._hidden(turn)
        answer = exchange.answer and replace(
            exchange.answer,
            text=hide(exchange.answer.text),
            citations=tuple(replace(citation, quote=hide(citation.quote)) for citation in exchange.answer.citations),
            support=replace(exchange.answer.support, unsupported=tuple(map(hide, exchange.answer.support.unsupported))),
        )
        return replace(
            exchange,
            question=question,
            legs=tuple(replace(leg, query=hide(leg.query)) for leg in exchange.legs),
            evidence=tuple(
                replace(item, passage=replace(item.passage, text=hide(item.passage.text))) for item in exchange.evidence
            ),
            answer=answer,
            values=turn.vault.values_in("\n".join([question.raw, *(form.text for form in question.forms)])),
        )


def _said(question: Question) -> tuple[str, ...]:
    return (question.clean, question.standalone, question.context)


def _told(answer: Answer) -> tuple[str, ...]:
    """All that an answer says."""
    return (answer.text, *(citation.quote for citation in answer.citations), *answer.support.unsupported)


def _part(passage: Passage) -> str:
    return f"passage:{passage.id}"


def _label(passage: Passage) -> str:
    return f"passage:{passage.id}:title"


def _label_text(passage: Passage) -> str:
    return " · ".join(filter(None, (passage.title, passage.heading)))


def _parts(passage: Passage) -> list[Part]:
    """What of a passage the model would read."""
    language = passage.language or "und"
    return [Part(_part(passage), passage.text, language), Part(_label(passage), _label_text(passage), language)]


def _reworded(question: Question, change: Callable[[str], str]) -> Question:
    """The question with each of its forms changed in this way."""
    return replace(
        question,
        raw=change(question.raw),
        clean=change(question.clean),
        standalone=change(question.standalone),
        corrected=question.corrected and change(question.corrected),
        rewritten=question.rewritten and change(question.rewritten),
        context=change(question.context),
        entities=tuple(replace(entity, text=change(entity.text)) for entity in question.entities),
    )


def _turns(exchange: Exchange, vault: Vault) -> tuple[Turn, ...]:
    """What an exchange adds to its conversation."""
    assert exchange.answer is not None
    asked, answered = exchange.question.clean, exchange.answer.text
    return (
        Turn("user", asked, uuid.uuid4().hex, exchange.trace_id, exchange.created_at, vault.values_in(asked)),
        Turn(
            "assistant",
            answered,
            exchange.message_id or "",
            exchange.trace_id,
            exchange.created_at,
            vault.values_in(answered),
        ),
    )
