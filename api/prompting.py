"""`grounding prompt`: names and options. What the commands do is in `prompt_commands`, imported when one runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.prompt_commands import PromptCommands

prompt_app = typer.Typer(help="Prompts in versions: list, show, edit, use, history.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else there.")]
Collection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="Only for this collection.")]
Language = Annotated[
    str, typer.Option("--language", "-l", metavar="CODE", help="Only for questions in this language, such as ja.")
]


def _commands(*, as_json: bool) -> PromptCommands:
    from api.prompt_commands import PromptCommands  # everything heavy hangs on this import

    return PromptCommands(as_json=as_json)


@prompt_app.command(name="list")
def list_prompts(as_json: Json = False) -> int:
    """Every version of every prompt, and where it is in use."""
    return _commands(as_json=as_json).list()


@prompt_app.command()
def show(
    prompt: Annotated[str, typer.Argument(metavar="NAME[-N]", help="The latest version unless N is given.")],
    against: Annotated[
        str | None, typer.Option("--against", metavar="NAME[-N]", help="Show what has changed since this one.")
    ] = None,
    as_json: Json = False,
) -> int:
    """The text of a prompt, or how it differs from another."""
    return _commands(as_json=as_json).show(prompt, against=against)


@prompt_app.command()
def edit(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A new name begins a new prompt.")],
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="The whole text; - reads stdin. Default: opens $VISUAL or $EDITOR."
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why it was changed.")] = "",
    base: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="NAME[-N]", help="What the editor begins with. Default: the latest version, or `answer`."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Make a new version; it is in use nowhere until `use` says so."""
    return _commands(as_json=as_json).edit(name, file=file, note=note, base=base)


@prompt_app.command()
def use(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="NAME[-N]", help="An older version rolls back; `answer` is the built-in."),
    ] = None,
    collection: Collection = "",
    language: Language = "",
    unset: Annotated[bool, typer.Option("--unset", help="Lift the use: what is more general holds again.")] = False,
    as_json: Json = False,
) -> int:
    """Use a version from the next question on."""
    return _commands(as_json=as_json).use(prompt, collection=collection, language=language, unset=unset)


@prompt_app.command()
def history(as_json: Json = False) -> int:
    """Which prompt was used where since when, newest first."""
    return _commands(as_json=as_json).history()
