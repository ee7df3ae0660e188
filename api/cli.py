"""The command line: names, options and exit codes. What the commands do is in `commands`, imported when one runs.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some documents failed; 130 interrupted.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import grounding
from api.mcp_cli import mcp
from api.prompting import prompt_app
from api.usage import usage_app
from grounding.errors import ConfigurationError, GroundingError, InvalidRequest

if TYPE_CHECKING:
    from api.commands import Commands
    from api.maintenance import Maintenance

TestedPart = Literal["question", "passage", "answer"]
PROGRAM = "grounding"
FAILED, WRONG_USAGE = 1, 2

app = typer.Typer(
    name=PROGRAM,
    help="Documents in, verified citations out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
collection_app = typer.Typer(help="Collections: list, show, create, delete, reembed, compact.", no_args_is_help=True)
document_app = typer.Typer(help="Documents: list, show, delete.", no_args_is_help=True)
job_app = typer.Typer(help="Ingest jobs: list, show.", no_args_is_help=True)
key_app = typer.Typer(help="Keys of the HTTP service: create, limit, list, revoke.", no_args_is_help=True)
safety_app = typer.Typer(help="The safety checks: test a text, measure them.", no_args_is_help=True)
db_app = typer.Typer(help="The database's schema: upgrade, current.", no_args_is_help=True)
app.add_typer(collection_app, name="collection")
app.add_typer(document_app, name="document")
app.add_typer(job_app, name="job")
app.add_typer(key_app, name="key")
app.add_typer(prompt_app, name="prompt")
app.add_typer(usage_app, name="usage")
app.add_typer(safety_app, name="safety")
app.add_typer(db_app, name="db")

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else there.")]
Collection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="The collection.")]
AnyCollection = Annotated[
    str | None, typer.Option("--collection", "-c", metavar="NAME", help="Needed if several collections hold it.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")]
RequestsPerMinute = Annotated[
    str | None, typer.Option("--requests-per-minute", metavar="N", help="In any minute; or `none`.")
]
TokensPerMinute = Annotated[
    str | None, typer.Option("--tokens-per-minute", metavar="N", help="Of prompts and answers; or `none`.")
]
UsdPerMonth = Annotated[
    str | None, typer.Option("--usd-per-month", metavar="X", help="By the calendar, in UTC; or `none`.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def main() -> None:
    """Runs the command of the process's arguments and exits with its code."""
    _speak_utf8()
    # Before numpy is loaded: its products here are small, and threads of its own only fight with those of the callers.
    # Two servers on two cores answer 49 searches a second so, and 23 otherwise.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of a command. Every error becomes one line on stderr, with --json an object on stdout."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in options
    try:
        code = app(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a group without a command
            print(message, file=sys.stderr)
            return error.exit_code
        return _fail(message, code="usage", status=error.exit_code, as_json=as_json, hint=_usage_hint)
    except typer.Abort:
        return _fail("aborted", code="aborted", status=FAILED, as_json=as_json)
    except GroundingError as error:
        status = WRONG_USAGE if isinstance(error, ConfigurationError | InvalidRequest) else FAILED
        return _fail(str(error), code=error.code, status=status, as_json=as_json)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, not a stack trace
        return _unexpected(error, as_json=as_json)
    return code if isinstance(code, int) else 0


_usage_hint = f"run  {PROGRAM} --help  or  {PROGRAM} COMMAND --help"


def _fail(message: str, *, code: str, status: int, as_json: bool, hint: str = "") -> int:
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False))
    text = " ".join(message.split()) or "wrong usage"
    print(f"error: {text}" + (f" ({hint})" if hint else ""), file=sys.stderr)
    return status


def _unexpected(error: Exception, *, as_json: bool) -> int:
    if os.environ.get("GROUNDING_LOG_LEVEL", "").lower() == "debug":
        sys.excepthook(type(error), error, error.__traceback__)
    message = f"unexpected {type(error).__name__}: {error}"
    hint = "run with GROUNDING_LOG_LEVEL=debug for details"
    return _fail(message, code="internal", status=FAILED, as_json=as_json, hint=hint)


def _speak_utf8() -> None:
    """Text is UTF-8 whatever the locale says; what is not text at all is shown escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _commands(*, as_json: bool) -> Commands:
    from api.commands import Commands  # everything heavy hangs on this import

    return Commands(as_json=as_json)


def _limits(requests: str | None, tokens: str | None, usd: str | None) -> dict[str, str]:
    """The limits that were given, by the names of the settings."""
    given = {"requests_per_minute": requests, "tokens_per_minute": tokens, "usd_per_month": usd}
    return {name: value for name, value in given.items() if value is not None}


def _maintenance(*, as_json: bool) -> Maintenance:
    from api.maintenance import Maintenance

    return Maintenance(as_json=as_json)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {grounding.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show it.")
    ] = False,
) -> None: ...


@app.command()
def ingest(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files, folders, globs, or .jsonl files.")],
    collection: Collection = "default",
    prune: Annotated[bool, typer.Option("--prune", help="Delete documents that left these sources.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Threads that cut documents into passages.")
    ] = 1,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="While another process writes to the collection; or fail at once.")
    ] = True,
    as_json: Json = False,
) -> int:
    """Bulk-ingest documents; creates the collection, resumes after any interruption."""
    return _commands(as_json=as_json).ingest(
        sources, collection=collection, prune=prune, dry_run=dry_run, workers=workers, wait=wait
    )


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="QUERY")],
    collection: Collection = "default",
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, max=1000, help="Passages.")] = 10,
    where: Annotated[str, typer.Option("--filter", metavar="JSON", help='On metadata, such as {"lang": "en"}.')] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Show legs, names and timings.")] = False,
    as_json: Json = False,
) -> int:
    """Retrieval alone: the passages that fit a question best."""
    return _commands(as_json=as_json).search(query, collection=collection, top_k=top_k, where=where, explain=explain)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", help="Default: that of the conversation, else `default`."),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Continue this one; `new` begins another.")
    ] = None,
    generator: Annotated[str | None, typer.Option("--generator", metavar="NAME", help="The language model.")] = None,
    as_json: Json = False,
) -> int:
    """A grounded answer with its sources."""
    return _commands(as_json=as_json).ask(
        question, collection=collection, conversation=conversation, generator=generator
    )


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Default: 8000; 0: any free.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Server processes.")] = 1,
    as_json: Json = False,
) -> int:
    """The HTTP service."""
    return _commands(as_json=as_json).serve(host=host, port=port, workers=workers)


app.command(name="mcp")(mcp)


@app.command(name="eval")
def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels.tsv.")],
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", metavar="NAME", help="Default: eval-FOLDER.")
    ] = None,
    legs: Annotated[bool, typer.Option("--legs", help="Each leg on its own, too.")] = False,
    queries: Annotated[
        Path | None, typer.Option("--queries", metavar="FILE", help="Other wordings of the queries, with their ids.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="FOLDER and each folder in it, with all files of other wordings.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Every query's result; with --all, a folder.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FILE", help="An earlier --output: better, worse or neither?")
    ] = None,
    answers: Annotated[
        bool, typer.Option("--answers", help="How good answers are, on a set whose queries have an `answer`.")
    ] = False,
    generator: Annotated[
        list[str] | None, typer.Option("--generator", metavar="NAME", help="Who answers; once for each.")
    ] = None,
    worst: Annotated[int, typer.Option("--worst", metavar="N", min=0, help="Show so many that went badly.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="A picture, .svg or .png; needs grounding[eval].")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Put tables between the eval marks of a page.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure retrieval, or answers, on a folder in BEIR layout: corpus.jsonl, queries.jsonl, qrels.tsv, answers.jsonl
    if any."""
    from api.evaluating import Evaluating, Plan

    plan = Plan(
        folder=folder,
        collection=collection,
        queries=queries,
        legs=legs,
        every=every,
        output=output,
        against=against,
        worst=worst,
        plot=plot,
        write=write,
        answers=answers,
        generators=tuple(generator or ()),
    )
    return Evaluating(as_json=as_json).evaluate(plan)


@app.command()
def check(
    collection: AnyCollection = None,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild from SQL what does not agree.")] = False,
    as_json: Json = False,
) -> int:
    """Do SQL, the vector index and the lexical index agree?"""
    return _commands(as_json=as_json).check(collection, repair=repair)


@app.command()
def erase(
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Its turns and records.")
    ] = None,
    document: Annotated[
        str | None, typer.Option("--document", metavar="ID", help="Wherever it stands or is quoted.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="All that a key's holder asked.")] = None,
    collection: AnyCollection = None,
    yes: Yes = False,
    as_json: Json = False,
) -> int:
    """Remove every trace of a conversation, a document or a user, and print a receipt."""
    return _maintenance(as_json=as_json).erase(
        conversation=conversation, document=document, user=user, collection=collection, yes=yes
    )


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tar of the database and its indexes.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    as_json: Json = False,
) -> int:
    """Write all that is stored to one file, while it is in use."""
    return _maintenance(as_json=as_json).backup(file, force=force)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="In the place of all that is stored now.")] = False,
    as_json: Json = False,
) -> int:
    """Put back what a backup holds, after all of it has been verified."""
    return _maintenance(as_json=as_json).restore(file, replace=replace)


@app.command()
def config(as_json: Json = False) -> int:
    """The effective settings and where each came from."""
    return _commands(as_json=as_json).config()


@collection_app.command("list")
def collection_list(as_json: Json = False) -> int:
    """All collections."""
    return _commands(as_json=as_json).list_collections()


@collection_app.command("show")
def collection_show(name: Annotated[str, typer.Argument(metavar="NAME")], as_json: Json = False) -> int:
    """One collection in numbers."""
    return _commands(as_json=as_json).show_collection(name)


@collection_app.command("create")
def collection_create(name: Annotated[str, typer.Argument(metavar="NAME")], as_json: Json = False) -> int:
    """A new, empty collection. `ingest` creates its own, too."""
    return _commands(as_json=as_json).create_collection(name)


@collection_app.command("delete")
def collection_delete(
    name: Annotated[str, typer.Argument(metavar="NAME")], yes: Yes = False, as_json: Json = False
) -> int:
    """Delete a collection with all of its documents."""
    return _commands(as_json=as_json).delete_collection(name, yes=yes)


@collection_app.command("reembed")
def collection_reembed(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    embedder: Annotated[
        str | None, typer.Option("--embedder", metavar="NAME", help="The one to switch to; as in models.embedder.")
    ] = None,
    switch: Annotated[
        bool, typer.Option("--switch/--no-switch", help="Or embed and compare only; a later run then switches at once.")
    ] = True,
    min_overlap: Annotated[
        float | None,
        typer.Option(
            "--min-overlap",
            min=0,
            max=1,
            metavar="SHARE",
            help="Do not switch if fewer of the ten nearest are the same.",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the vectors of other embedders, which are kept to switch back.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Change the embedder of a collection while it is searched and written to; resumes after any interruption.

    Queries and later ingests follow the collection: models.embedder in the settings is only for new collections.
    """
    return _maintenance(as_json=as_json).reembed(
        name, embedder=embedder, switch=switch, min_overlap=min_overlap, forget=forget
    )


@collection_app.command("compact")
def collection_compact(name: Annotated[str, typer.Argument(metavar="NAME")], as_json: Json = False) -> int:
    """Rebuild the indexes from SQL and remove every other file: what was deleted is gone from the disk."""
    return _maintenance(as_json=as_json).compact(name)


@document_app.command("list")
def document_list(
    collection: Collection = "default",
    limit: Limit = 50,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Where the page before ended.")] = None,
    as_json: Json = False,
) -> int:
    """Documents of a collection."""
    return _commands(as_json=as_json).list_documents(collection, limit=limit, cursor=cursor)


@document_app.command("show")
def document_show(
    document_id: Annotated[str, typer.Argument(metavar="ID")], collection: AnyCollection = None, as_json: Json = False
) -> int:
    """One document with its text."""
    return _commands(as_json=as_json).show_document(document_id, collection=collection)


@document_app.command("delete")
def document_delete(
    document_id: Annotated[str, typer.Argument(metavar="ID")], collection: AnyCollection = None, as_json: Json = False
) -> int:
    """Delete a document: no search finds it from now on."""
    return _commands(as_json=as_json).delete_document(document_id, collection=collection)


@job_app.command("list")
def job_list(limit: Limit = 50, as_json: Json = False) -> int:
    """Ingest jobs, newest first."""
    return _commands(as_json=as_json).list_jobs(limit=limit)


@job_app.command("show")
def job_show(job_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> int:
    """One ingest job with what failed in it."""
    return _commands(as_json=as_json).show_job(job_id)


@key_app.command("create")
def key_create(
    scope: Annotated[str, typer.Option("--scope", metavar="A,B", help="Of chat, search, ingest, admin (implies all).")],
    collections: Annotated[str | None, typer.Option("--collections", metavar="A,B", help="Default: all.")] = None,
    groups: Annotated[
        str,
        typer.Option(
            "--groups", metavar="A,B", help="Groups of its holder: open the documents that name one in `groups`."
        ),
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    usd_per_month: UsdPerMonth = None,
    as_json: Json = False,
) -> int:
    """A new key; its secret is shown once. What is not limited here is as the settings `limits` say."""
    limits = _limits(requests_per_minute, tokens_per_minute, usd_per_month)
    return _commands(as_json=as_json).create_key(
        scope, collections=collections, groups=groups, name=name, limits=limits
    )


@key_app.command("limit")
def key_limit(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    usd_per_month: UsdPerMonth = None,
    as_json: Json = False,
) -> int:
    """Change the limits of a key, at once; `none` lifts one, so that it is as the settings `limits` say."""
    limits = _limits(requests_per_minute, tokens_per_minute, usd_per_month)
    return _commands(as_json=as_json).limit_key(key_id, limits=limits)


@key_app.command("list")
def key_list(as_json: Json = False) -> int:
    """All keys, without their secrets."""
    return _commands(as_json=as_json).list_keys()


@key_app.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> int:
    """Make a key invalid, at once."""
    return _commands(as_json=as_json).revoke_key(key_id)


@safety_app.command("test")
def safety_test(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help='A text, or - for stdin; a .jsonl of {"text"} gives a line for each.')
    ],
    part: Annotated[TestedPart, typer.Option("--part", help="What the text is.")] = "question",
    collection: Annotated[
        str, typer.Option("--collection", "-c", metavar="NAME", help="Under the rules of this collection.")
    ] = "default",
    key: Annotated[str, typer.Option("--key", metavar="NAME", help="Under the rules of the key of this name.")] = "",
    as_json: Json = False,
) -> int:
    """Show what the safety checks find in a text, and what would become of it."""
    from api.safety import SafetyCommands

    return SafetyCommands(as_json=as_json).test(file, part=part, collection=collection, key=key)


@safety_app.command("eval")
def safety_eval(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Sets: inj_*, tox_*, pii_*, ground_*, corpora.")],
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Put tables between the eval marks of a page.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure the safety checks and the judgement of support on labelled sets."""
    from api.safety import SafetyCommands

    return SafetyCommands(as_json=as_json).evaluate(folder, write=write)


@db_app.command("upgrade")
def db_upgrade(as_json: Json = False) -> int:
    """Bring the schema up to date."""
    return _commands(as_json=as_json).upgrade_database()


@db_app.command("current")
def db_current(as_json: Json = False) -> int:
    """The schema's revision, and the one that this version needs."""
    return _commands(as_json=as_json).current_database()
