"""grounding mcp: the names and options of the command. What it runs is in `mcp`, imported when it runs."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from grounding.errors import MissingDependency

KEY_VARIABLE = "GROUNDING_API_KEY"


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP in place of stdin and stdout.")] = False,
    host: Annotated[str, typer.Option("--host", help="With --http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="With --http; 0: any free.")] = 8100,
    as_json: Annotated[bool, typer.Option("--json", help="With --http: say as JSON where it is reached.")] = False,
) -> int:
    """Serve search, get_document and ask to assistants that speak MCP.

    Over stdio with the rights of the key in GROUNDING_API_KEY, without one with all; over HTTP each client brings its
    own key.
    """
    key = os.environ.pop(KEY_VARIABLE, None)  # no setting, and nothing for processes that this one starts
    from api.commands import effective_settings

    settings = effective_settings()
    try:
        from api import mcp as server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise MissingDependency("mcp", purpose="grounding mcp", command="pip install 'grounding[mcp]'") from error

    def started(url: str) -> None:
        typer.echo(json.dumps({"url": url}) if as_json else f"MCP server at {url}")

    if http:
        server.run_http(settings, host=host, port=port, started=started)
    else:
        if key is None and sys.stdin.isatty():
            typer.echo("MCP server on stdin and stdout; assistants start it by themselves", err=True)
        server.run_stdio(settings, key=key)
    return 0
