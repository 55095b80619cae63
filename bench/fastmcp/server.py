"""The peer of `cargo xtask bench --only tasks`: FastMCP with its task system on Redis.

    python server.py REDIS_URL

Prints its address, and serves until it is ended. The worker runs in the same process, as FastMCP sets
it up without further configuration, with as many tasks at a time as ours.
"""

import socket
import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.utilities.tasks import TaskConfig
from fastmcp_tasks import TasksExtension

server = FastMCP("bench")
server.add_extension(TasksExtension(url=sys.argv[1], concurrency=64))


@server.tool
async def plain() -> str:
    return "done"


@server.tool(task=TaskConfig(mode="required"))
async def nothing() -> str:
    return "done"


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
app = server.http_app(path="/mcp", stateless_http=True, json_response=True)
config = uvicorn.Config(app, log_level="warning", access_log=False)
uvicorn.Server(config).run(sockets=[listener])
