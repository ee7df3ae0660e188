"""`grounding usage`: what model calls came to. What is heavy is imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.output import Output
    from api.usage_schemas import UsageJson, UsageReportJson

usage_app = typer.Typer(help="What model calls came to: tokens and money.", invoke_without_command=True)

_FIGURES = ("calls", "prompt", "completion", "cached", "estimated", "unpriced", "USD")
"""Columns of tokens, but for `calls`, `unpriced` ones among them, and money."""


@usage_app.callback()
def usage(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="A,B",
            help="Of key, user, conversation, collection, generator, model, purpose, outcome, day.",
        ),
    ] = "key,generator",
    since: Annotated[str | None, typer.Option("--since", metavar="DAY", help="As 2026-11-01, or a time; UTC.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DAY", help="With all of that day.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="ID", help="Of one key; '' for those without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else there.")] = False,
) -> int:
    """What model calls came to: tokens and money."""
    from api import usage_schemas
    from api.commands import OK, opened
    from api.output import Output

    output = Output(as_json=as_json)
    dimensions = usage_schemas.listed(by)
    begin, end = usage_schemas.since(since), usage_schemas.until(until)
    with opened() as service:
        found = service.store.usage.report(dimensions, since=begin, until=end, key=key)
        names = {info.id: info.name for info in service.store.keys.list()} if "key" in dimensions else {}
    report = usage_schemas.UsageReportJson.of(found, by=dimensions, since=begin, until=end)
    output.result(report.model_dump(mode="json"), lambda: _show(output, report, names))
    return OK


def _show(output: Output, report: UsageReportJson, names: Mapping[str, str]) -> None:
    rows = [(*_group(row, names), *_figures(row)) for row in report.rows]
    total = ("total", *("" for _ in report.by[1:]), *_figures(report.total)) if report.by else _figures(report.total)
    output.table((*report.by, *_FIGURES), [*rows, total], right=_FIGURES)


def _group(row: UsageJson, names: Mapping[str, str]) -> list[str]:
    named = dict(row.group)
    if name := names.get(named.get("key", "")):
        named["key"] += f" ({name})"
    return [value or "-" for value in named.values()]


def _figures(row: UsageJson) -> tuple[object, ...]:
    cost = "-" if row.cost_usd is None else f"{row.cost_usd:.4f}"
    tokens = (row.prompt_tokens, row.completion_tokens, row.cached_tokens, row.estimated_tokens)
    return (row.calls, *tokens, row.unpriced_calls, cost)
