"""The peer server, written with the Python SDK (revision 2026-07-28).

    server.py --stdio
    server.py --http 127.0.0.1:0      prints one line with the URL it listens on

It offers one of everything that `scenarios/peer.json` asks for, and so does
`server.mjs`: the two answer the same scenario.
"""

import argparse
import asyncio
import socket
import sys
from typing import Annotated

import uvicorn
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, MCPServer, Resolve
from mcp.shared.exceptions import MCPError
from mcp_types import Completion, PromptReference, ResourceTemplateReference
from pydantic import BaseModel, Field

NAMES = ["ada", "alan", "barbara", "grace"]
NOTES = {"note:///readme": "Read me first."}

server = MCPServer(
    "interop-peer",
    version="1.0.0",
    instructions="A peer for interoperability tests.",
    log_level="WARNING",
)


class Sum(BaseModel):
    """The sum of two integers."""

    sum: int


class Confirmation(BaseModel):
    """The form that `confirm` asks the user to fill in."""

    confirm: bool = Field(description="Whether to go on")


@server.tool(structured_output=False)
def echo(text: str) -> str:
    """Answers with its argument."""
    return text


@server.tool()
def add(a: int, b: int) -> Sum:
    """Adds two integers."""
    return Sum(sum=a + b)


@server.tool(structured_output=False)
def fail() -> str:
    """Fails, as a tool does that the model can react to."""
    raise ValueError("this tool always fails")


@server.tool(structured_output=False)
async def count(to: int, ctx: Context) -> str:
    """Counts and reports every number as progress."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"number {number}")
    return f"counted to {to}"


async def ask(question: str) -> Elicit[Confirmation]:
    return Elicit(question, Confirmation)


@server.tool(structured_output=False)
async def confirm(question: str, answer: Annotated[ElicitationResult[Confirmation], Resolve(ask)]) -> str:
    """Asks the user a question and says what the answer was."""
    if answer.action == "accept":
        return "confirmed" if answer.data.confirm else "refused"
    return {"decline": "declined", "cancel": "cancelled"}[answer.action]


@server.tool(structured_output=False)
async def grow(name: str, ctx: Context) -> str:
    """Adds a tool of that name and tells every listener."""

    def grown() -> str:
        return f"{name} grew"

    server.add_tool(grown, name=name, description="A tool that was added later.", structured_output=False)
    await ctx.notify_tools_changed()
    return f"added {name}"


@server.tool(structured_output=False)
async def write(name: str, text: str, ctx: Context) -> str:
    """Changes a note and tells who listens to it."""
    uri = f"note:///{name}"
    NOTES[uri] = text
    await ctx.notify_resource_updated(uri)
    return f"wrote {uri}"


@server.resource("note:///readme", name="readme", description="What to read first.", mime_type="text/plain")
def readme() -> str:
    return NOTES["note:///readme"]


@server.resource("note:///{name}", name="note", description="A note by its name.", mime_type="text/plain")
def note(name: str) -> str:
    uri = f"note:///{name}"
    if uri not in NOTES:
        raise MCPError(code=-32602, message="no such note", data={"uri": uri})
    return NOTES[uri]


@server.prompt()
def greet(name: str) -> str:
    """Asks for a greeting."""
    return f"Greet {name}."


@server.completion()
async def complete(ref, argument, context):
    known = isinstance(ref, PromptReference) and ref.name == "greet"
    known = known or (isinstance(ref, ResourceTemplateReference) and ref.uri == "note:///{name}")
    if not known or argument.name != "name":
        return None
    values = [name for name in NAMES if name.startswith(argument.value)]
    return Completion(values=values, total=len(values), has_more=False)


async def serve_http(address: str) -> None:
    host, _, port = address.rpartition(":")
    # Bound here and not by uvicorn, so that port 0 can be printed as the port it became.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen()
    bound = listener.getsockname()[1]
    app = server.streamable_http_app(host=host)
    http = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    print(f"listening on http://{host}:{bound}/mcp", flush=True)
    await http.serve(sockets=[listener])


def main() -> int:
    arguments = argparse.ArgumentParser(description="The Python peer server.")
    transport = arguments.add_mutually_exclusive_group(required=True)
    transport.add_argument("--stdio", action="store_true")
    transport.add_argument("--http", metavar="HOST:PORT")
    chosen = arguments.parse_args()
    if chosen.stdio:
        server.run("stdio")
    else:
        asyncio.run(serve_http(chosen.http))
    return 0


if __name__ == "__main__":
    sys.exit(main())
