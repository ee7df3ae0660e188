"""A recorded Exchange and a passage -> how far the passage came, and what it was lost to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from grounding.values import Exchange, LegName, Signal, Signals

Stage: TypeAlias = Literal["retrieve", "rank", "fuse", "diversify", "join", "screen", "compose", "kept"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which a passage comes to them; `kept` is where it was lost to none."""
_LEGS: tuple[LegName, ...] = get_args(LegName)


@dataclass(frozen=True, slots=True)
class Fate:
    """The stage that lost a passage, and why; its rank and score there, as far as it had one; what each leg said."""

    passage_id: int
    stage: Stage
    reason: str
    rank: int | None = None
    score: float | None = None
    signals: Signals = field(default_factory=Signals)


def fate(exchange: Exchange, passage_id: int) -> Fate:
    """What became of a passage in this Exchange."""
    signals = _signals(exchange, passage_id)
    rank, score = next(
        ((at, hit.score) for at, hit in enumerate(exchange.ranking, start=1) if hit.passage_id == passage_id),
        (None, None),
    )
    if rank is None:
        most = max((len(leg.hits) for leg in exchange.legs), default=0)
        return Fate(passage_id, "retrieve", f"no leg has it among its first {most}", signals=signals)
    dropped = next((item for item in exchange.dropped if item.passage_id == passage_id), None)
    if dropped is not None:
        return Fate(passage_id, _stage(dropped.stage), dropped.reason, rank, score, signals)
    if any(item.passage.id == passage_id for item in exchange.evidence):
        where = "it was among the passages found" if exchange.kind == "search" else "it was in the prompt"
        return Fate(passage_id, "kept", where, rank, score, signals)
    taken = len(exchange.evidence)
    reason = f"it is number {rank} of all legs together, {taken} were taken"
    return Fate(passage_id, "rank", reason, rank, score, signals)


def furthest(fates: Iterable[Fate]) -> Fate | None:
    """Of a document's passages, the one that came furthest; of these the one that ranked best."""
    return max(fates, key=lambda each: (STAGES.index(each.stage), -(each.rank or 1_000_000)), default=None)


def _stage(name: str) -> Stage:
    return next((stage for stage in STAGES if stage == name), "fuse")


def _signals(exchange: Exchange, passage_id: int) -> Signals:
    """By each leg, its best rank in any form of the question."""
    best: dict[LegName, Signal] = {}
    for leg in exchange.legs:
        for rank, hit in enumerate(leg.hits, start=1):
            if hit.passage_id == passage_id and (leg.name not in best or rank < best[leg.name].rank):
                best[leg.name] = Signal(rank, hit.score, leg.form)
    return Signals(**{name: best.get(name) for name in _LEGS})
