"""Withdrawing: what becomes of answers that quote a document when the document goes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, func, select, update

from grounding.values import Answer, Dropped, Exchange
from store.passages import batches
from store.schema import ExchangeDocument, ExchangeRow, TurnRow

WITHDRAWN = "(This answer quoted a document that has been deleted since.)"
"""Stands where the words of an answer stood."""
_GONE = "its document was deleted"


def withdraw_quotes(connection: Connection, collection: str, document_ids: Sequence[str]) -> None:
    """Takes back the answers that quote one of these documents: no conversation shows them, and no later prompt holds
    them. To be called after the documents are deleted: a turn that is being recorded meanwhile has either been recorded
    by then, or will find them gone."""
    for some in batches(document_ids):
        quotes = select(ExchangeDocument.trace_id).where(
            ExchangeDocument.collection == collection,
            ExchangeDocument.document_id.in_(some),
            ExchangeDocument.cited,
        )
        _withdraw(connection, ExchangeRow.trace_id.in_(quotes))


def withdraw_collection(connection: Connection, collection: str) -> None:
    """Takes back every answer that quotes a document of a collection that is gone."""
    quotes = select(ExchangeDocument.trace_id).where(ExchangeDocument.collection == collection, ExchangeDocument.cited)
    _withdraw(connection, ExchangeRow.trace_id.in_(quotes))


def withdraw_answers(connection: Connection, trace_ids: Sequence[str]) -> int:
    """Takes back the answers of these Exchanges. How many of them are taken back now, or were already."""
    answers = 0
    for some in batches(trace_ids):
        _withdraw(connection, ExchangeRow.trace_id.in_(some))
        withdrawn = select(func.count()).select_from(TurnRow).where(TurnRow.trace_id.in_(some), TurnRow.withdrawn)
        answers += connection.execute(withdrawn).scalar_one()
    return answers


def _withdraw(connection: Connection, those: ColumnElement[bool]) -> None:
    traces = select(ExchangeRow.trace_id).where(those)
    conversations = select(ExchangeRow.conversation_id).where(those)  # turns are found by conversation
    connection.execute(
        update(TurnRow)
        .where(
            TurnRow.conversation_id.in_(conversations),
            TurnRow.trace_id.in_(traces),
            TurnRow.role == "assistant",
            ~TurnRow.withdrawn,
        )
        .values(content=WITHDRAWN, withdrawn=True, sealed=None)
    )


def scrubbed(exchange: Exchange, document_ids: Collection[str]) -> Exchange:
    """The record without a word of these documents: without their passages, and without all that was made of those or
    of earlier answers: the prompt, the answer, and what the question took over from before. Ids and numbers stay."""
    question = exchange.question
    gone = {item.passage.id for item in exchange.evidence if item.passage.document_id in document_ids}
    parts = {f"passage:{passage_id}" for passage_id in gone}
    asked = f"{question.raw}\n{question.clean}"
    return replace(
        exchange,
        question=replace(
            question,
            standalone=question.clean,
            rewritten=None,
            context="",
            entities=tuple(entity for entity in question.entities if entity.text in question.clean),
        ),
        legs=tuple(replace(leg, query="") for leg in exchange.legs),
        evidence=tuple(item for item in exchange.evidence if item.passage.id not in gone),
        dropped=(
            *(item for item in exchange.dropped if item.passage_id not in gone),
            *(Dropped(passage_id, "withdrawn", _GONE) for passage_id in sorted(gone)),
        ),
        verdicts=tuple(verdict for verdict in exchange.verdicts if verdict.part not in parts),
        messages=(),
        answer=exchange.answer and Answer(WITHDRAWN, exchange.answer.outcome),
        error=exchange.error and exchange.error.partition(":")[0],
        values={placeholder: value for placeholder, value in exchange.values.items() if placeholder in asked},
    )
