"""The peer client for tasks, written with FastMCP (revision 2026-07-28).

    fastmcp_client.py --scenario FILE [--set NAME=VALUE]... (--http URL | --stdio COMMAND [ARG]...)

Its command line, and all but the actions below, is that of `client.py`.
"""

import asyncio
import os
import sys
from typing import Any

os.environ |= {"FASTMCP_CHECK_FOR_UPDATES": "off", "FASTMCP_LOG_LEVEL": "WARNING"}

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp_tasks import call_tool_task
from fastmcp_tasks.client_models import ClientGetTaskResult, GetTaskRequest, GetTaskRequestParams
from mcp import StdioServerParameters
from mcp_types import ElicitResult

import client
from client import STEP_SECONDS, matches, wire


class Run(client.Run):
    """One connection of FastMCP's client."""

    def connect(self, server: str | StdioServerParameters) -> Client:
        if isinstance(server, str):
            transport = StreamableHttpTransport(server)
        else:
            transport = StdioTransport(server.command, server.args, keep_alive=False)
        return Client(transport, elicitation_handler=self.form, timeout=STEP_SECONDS)

    async def form(self, _message: str, _type: Any, params: Any, context: Any) -> ElicitResult:
        return await self.elicited(context, params)

    async def do_call(self, step: dict[str, Any]) -> dict[str, Any]:
        return wire(await self.client.call_tool_mcp(step["tool"], step.get("arguments", {})))

    async def do_task(self, step: dict[str, Any]) -> dict[str, Any]:
        try:
            task = await call_tool_task(self.client, step["tool"], step.get("arguments"), raise_on_error=False)
        except RuntimeError as refusal:  # A question before there is a task.
            return {"refusal": str(refusal)}
        found = {"created": wire(task.create_result)}
        if "until" in step:
            while not matches(step["until"], state := wire(await task.status())):
                if state["status"] in ("completed", "failed", "cancelled"):
                    raise client.Mismatch(f"the task ended before the awaited state: {state}")
                await asyncio.sleep(0.02)
            found["seen"] = state
        if step.get("cancel"):
            await task.cancel()
        await task.result()
        return found | {"end": wire(await task.status())}

    async def do_get_task(self, step: dict[str, Any]) -> dict[str, Any]:
        request = GetTaskRequest(params=GetTaskRequestParams(task_id=step["taskId"]))
        return wire(await self.client.session.send_request(request, ClientGetTaskResult))


if __name__ == "__main__":
    sys.exit(client.main(Run))
