"""The peer server for tasks, written with FastMCP (revision 2026-07-28).

    fastmcp_server.py --stdio
    fastmcp_server.py --http 127.0.0.1:0      prints one line with the URL it listens on

It offers what `scenarios/tasks.json` and `scenarios/direct.json` ask for, and so does our
`interop-server`. Its tasks are in the memory of this process, and its worker runs in it.
"""

import argparse
import asyncio
import os
import socket
import sys
from dataclasses import dataclass
from datetime import timedelta

# Said before anything is imported: nothing is looked up on the network, and standard output is the protocol's.
os.environ |= {"FASTMCP_CHECK_FOR_UPDATES": "off", "FASTMCP_SHOW_SERVER_BANNER": "false", "FASTMCP_LOG_LEVEL": "WARNING"}

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.utilities.tasks import TaskConfig
from fastmcp_tasks import TasksExtension
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

POLL = timedelta(milliseconds=100)
ALLOWED = TaskConfig(mode="optional", poll_interval=POLL)
REQUIRED = TaskConfig(mode="required", poll_interval=POLL)

server = FastMCP("interop-tasks", version="1.0.0")
server.add_extension(TasksExtension(url="memory://"))


@dataclass
class Sum:
    """The sum of two integers."""

    sum: int


@server.tool
async def never(a: int, b: int) -> Sum:
    """Adds, and never as a task."""
    return Sum(a + b)


@server.tool(task=ALLOWED)
async def allowed(a: int, b: int) -> Sum:
    """Adds, as a task for clients that know tasks."""
    return Sum(a + b)


@server.tool(task=REQUIRED)
async def required(a: int, b: int) -> Sum:
    """Adds, as a task only."""
    return Sum(a + b)


@server.tool(task=ALLOWED, output_schema=None)
async def asks(file: str, ctx: Context) -> str | InputRequiredResult:
    """Asks before it replaces a file."""
    answer = (ctx.input_responses or {}).get("overwrite")
    if answer is None:
        schema = {"type": "object", "properties": {"overwrite": {"type": "boolean"}}, "required": ["overwrite"]}
        form = ElicitRequestFormParams(message=f"Replace {file}?", requested_schema=schema)
        return InputRequiredResult(input_requests={"overwrite": ElicitRequest(params=form)})
    accepted = answer.action == "accept" and (answer.content or {}).get("overwrite") is True
    return f"{file} is replaced." if accepted else f"{file} stays."


@server.tool(task=REQUIRED, output_schema=None)
async def asks_first(file: str, ctx: Context) -> str | InputRequiredResult:
    """The same as a task only; FastMCP asks nothing before there is the task."""
    return await asks(file, ctx)


@server.tool(task=REQUIRED)
async def endless(ctx: Context) -> None:
    """Works until it is cancelled."""
    await ctx.report_progress(3, 7, "files (3 of 7)")
    await asyncio.Event().wait()


@server.tool(task=ALLOWED)
async def fails() -> None:
    """Fails, as a tool does that the model can react to."""
    raise ToolError("it failed")


@server.tool(task=ALLOWED)
async def breaks() -> None:
    """Comes to an error of the protocol."""
    raise MCPError(code=-32602, message="not like this")


async def serve_http(address: str) -> None:
    host, _, port = address.rpartition(":")
    # Bound here and not by uvicorn, so that port 0 can be printed as the port it became.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen()
    app = server.http_app(path="/mcp")
    http = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    print(f"listening on http://{host}:{listener.getsockname()[1]}/mcp", flush=True)
    await http.serve(sockets=[listener])


def main() -> int:
    arguments = argparse.ArgumentParser(description="The FastMCP peer server.")
    transport = arguments.add_mutually_exclusive_group(required=True)
    transport.add_argument("--stdio", action="store_true")
    transport.add_argument("--http", metavar="HOST:PORT")
    chosen = arguments.parse_args()
    if chosen.stdio:
        server.run("stdio", show_banner=False)
    else:
        asyncio.run(serve_http(chosen.http))
    return 0


if __name__ == "__main__":
    sys.exit(main())
