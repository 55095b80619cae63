"""The peer client, written with the Python SDK (revision 2026-07-28).

    client.py --scenario FILE [--set NAME=VALUE]... (--http URL | --stdio COMMAND [ARG]...)

Runs the steps of a scenario against a server, prints one JSON line for each, and
exits with 0 only if every answer was as the scenario expects. README.md beside
this file says what a scenario may contain.
"""

import argparse
import asyncio
import json
import re
import sys
from collections import deque
from pathlib import Path
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated, ToolsListChanged
from mcp_types import ElicitResult, Implementation, PromptReference, ResourceTemplateReference

REVISION = "2026-07-28"
STEP_SECONDS = 30
METHODS = {
    ToolsListChanged: "notifications/tools/list_changed",
    PromptsListChanged: "notifications/prompts/list_changed",
    ResourcesListChanged: "notifications/resources/list_changed",
    ResourceUpdated: "notifications/resources/updated",
}


ABSENT = object()
"""Stands for a member that an object does not have."""


class Mismatch(Exception):
    """An answer that is not what the scenario expects."""


def match(expected: Any, found: Any, where: str) -> None:
    """Compares as README.md says; raises Mismatch at the first difference."""
    if found is ABSENT and not (isinstance(expected, dict) and "$not" in expected):
        raise Mismatch(f"{where}: missing")
    if isinstance(expected, dict) and any(key.startswith("$") for key in expected):
        for matcher, operand in expected.items():
            match_special(matcher, operand, found, where)
    elif isinstance(expected, dict):
        if not isinstance(found, dict):
            raise Mismatch(f"{where}: expected an object, found {json.dumps(found)}")
        for key, value in expected.items():
            match(value, found.get(key, ABSENT), f"{where}.{key}")
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            raise Mismatch(f"{where}: expected {len(expected)} elements, found {json.dumps(found)}")
        for index, (one, other) in enumerate(zip(expected, found)):
            match(one, other, f"{where}[{index}]")
    elif type(expected) is bool or type(found) is bool or expected is None:
        if expected is not found:
            raise Mismatch(f"{where}: expected {json.dumps(expected)}, found {json.dumps(found)}")
    elif expected != found:
        raise Mismatch(f"{where}: expected {json.dumps(expected)}, found {json.dumps(found)}")


def match_special(matcher: str, operand: Any, found: Any, where: str) -> None:
    def demand(holds: bool) -> None:
        if not holds:
            raise Mismatch(f"{where}: {json.dumps(found)} does not satisfy {matcher} {json.dumps(operand)}")

    if matcher == "$contains":
        demand(isinstance(found, str) and operand in found)
    elif matcher == "$matches":
        demand(isinstance(found, str) and re.search(operand, found) is not None)
    elif matcher == "$not":
        demand(not matches(operand, found))
    elif matcher == "$atLeast":
        demand(isinstance(found, (int, float)) and found >= operand)
    elif matcher == "$includes":
        demand(isinstance(found, list))
        for wanted in operand:
            demand(any(matches(wanted, element) for element in found))
    elif matcher == "$excludes":
        demand(isinstance(found, list))
        for unwanted in operand:
            demand(not any(matches(unwanted, element) for element in found))
    else:
        raise Mismatch(f"{where}: the scenario uses an unknown matcher {matcher}")


def matches(expected: Any, found: Any) -> bool:
    try:
        match(expected, found, "$")
    except Mismatch:
        return False
    return True


def wire(model: Any) -> dict[str, Any]:
    """A result as it stands in JSON."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class Run:
    """One connection and the answers that its user would give to forms."""

    def __init__(self) -> None:
        self.client: Client
        self.answers: deque[dict[str, Any]] = deque()
        self.unexpected: list[str] = []

    def connect(self, server: str | StdioServerParameters) -> Client:
        return Client(
            server,
            client_info=Implementation(name="interop-python-client", version="1.0.0"),
            elicitation_callback=self.elicited,
            read_timeout_seconds=STEP_SECONDS,
        )

    async def elicited(self, _context: Any, params: Any) -> ElicitResult:
        if not self.answers:
            self.unexpected.append(f"a form nobody expected: {json.dumps(wire(params))}")
            return ElicitResult(action="cancel")
        answer = self.answers.popleft()
        try:
            match(answer.get("expect", {}), wire(params), "form")
        except Mismatch as mismatch:
            self.unexpected.append(str(mismatch))
        return ElicitResult(**answer["reply"])

    async def step(self, step: dict[str, Any]) -> None:
        self.answers = deque(step.get("answers", []))
        self.unexpected = []
        action = getattr(self, "do_" + step["do"], None)
        if action is None:
            raise Mismatch(f"the scenario asks for an unknown action {step['do']}")
        try:
            found = await action(step)
        except MCPError as error:
            if "error" not in step:
                raise Mismatch(f"error {error.code}: {error.message} {json.dumps(error.data)}") from error
            found = {"code": error.code, "message": error.message, "data": error.data}
            match(step["error"], found, "error")
        else:
            if "error" in step:
                raise Mismatch(f"expected an error, found {json.dumps(found)}")
            match(step.get("expect", {}), found, "result")
        if self.unexpected:
            raise Mismatch("; ".join(self.unexpected))
        if self.answers:
            raise Mismatch(f"{len(self.answers)} forms of the scenario were never asked")

    async def do_discover(self, _step: dict[str, Any]) -> dict[str, Any]:
        client = self.client
        found = {
            "protocolVersion": client.protocol_version,
            "serverInfo": wire(client.server_info) if client.server_info else None,
            "capabilities": wire(client.server_capabilities),
            "instructions": client.instructions,
        }
        return {key: value for key, value in found.items() if value is not None}

    async def do_list(self, step: dict[str, Any]) -> dict[str, Any]:
        what = step["what"]
        call, key = {
            "tools": (self.client.list_tools, "tools"),
            "resources": (self.client.list_resources, "resources"),
            "templates": (self.client.list_resource_templates, "resourceTemplates"),
            "prompts": (self.client.list_prompts, "prompts"),
        }[what]
        items, cursor = [], None
        while True:
            # Past the response cache: the scenario tests the server, not the cache.
            page = wire(await call(cursor=cursor, cache_mode="bypass"))
            items.extend(page[key])
            cursor = page.get("nextCursor")
            if cursor is None:
                return page | {key: items}

    async def do_call(self, step: dict[str, Any]) -> dict[str, Any]:
        seen: list[dict[str, Any]] = []

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            report = {"progress": progress, "total": total, "message": message}
            seen.append({key: value for key, value in report.items() if value is not None})

        result = wire(
            await self.client.call_tool(
                step["tool"],
                step.get("arguments"),
                progress_callback=progressed if "progress" in step else None,
            )
        )
        if "progress" in step:
            match(step["progress"], seen, "progress")
        return result

    async def do_read(self, step: dict[str, Any]) -> dict[str, Any]:
        return wire(await self.client.read_resource(step["uri"], cache_mode="bypass"))

    async def do_prompt(self, step: dict[str, Any]) -> dict[str, Any]:
        return wire(await self.client.get_prompt(step["name"], step.get("arguments")))

    async def do_complete(self, step: dict[str, Any]) -> dict[str, Any]:
        ref = step["ref"]
        model = PromptReference if ref["type"] == "ref/prompt" else ResourceTemplateReference
        return wire(await self.client.complete(model(**ref), step["argument"], step.get("context")))

    async def do_listen(self, step: dict[str, Any]) -> dict[str, Any]:
        asked = step["filter"]
        async with self.client.listen(
            tools_list_changed=asked.get("toolsListChanged", False),
            prompts_list_changed=asked.get("promptsListChanged", False),
            resources_list_changed=asked.get("resourcesListChanged", False),
            resource_subscriptions=asked.get("resourceSubscriptions", []),
        ) as subscription:
            match(step.get("honored", asked), wire(subscription.honored), "acknowledged")
            await self.trigger(step["trigger"])
            seen = []
            async for event in subscription:
                found = {"method": METHODS[type(event)]} | ({"params": vars(event)} if vars(event) else {})
                seen.append(found)
                if matches(step["event"], found):
                    return {"events": seen}
        raise Mismatch(f"the stream ended without the event; before it: {json.dumps(seen)}")

    async def trigger(self, trigger: dict[str, Any]) -> None:
        if "call" in trigger:
            result = wire(await self.client.call_tool(trigger["call"]["tool"], trigger["call"]["arguments"]))
            if result.get("isError"):
                raise Mismatch(f"the triggering call failed: {json.dumps(result)}")
        elif "write" in trigger:
            Path(trigger["write"]["path"]).write_text(trigger["write"]["text"], encoding="utf-8")
        elif "remove" in trigger:
            Path(trigger["remove"]["path"]).unlink()
        else:
            raise Mismatch(f"the scenario uses an unknown trigger {json.dumps(trigger)}")


def substitute(value: Any, variables: dict[str, str]) -> Any:
    """Replaces ${name} in every string of a scenario."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], value)
    if isinstance(value, list):
        return [substitute(element, variables) for element in value]
    if isinstance(value, dict):
        return {key: substitute(element, variables) for key, element in value.items()}
    return value


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside nested exception groups, which task groups wrap them in."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def report(step: str, error: str | None) -> None:
    line = {"step": step, "ok": error is None}
    if error is not None:
        line["error"] = error
    print(json.dumps(line), flush=True)


async def run(scenario: dict[str, Any], server: str | StdioServerParameters, state: Run) -> bool:
    client = state.connect(server)
    passed, current = True, "connect"
    try:
        async with client:
            state.client = client
            if client.protocol_version != REVISION:
                raise Mismatch(f"negotiated {client.protocol_version}")
            report("connect", None)
            for step in scenario["steps"]:
                current = step["id"]
                try:
                    async with asyncio.timeout(STEP_SECONDS):
                        await state.step(step)
                except (Mismatch, TimeoutError) as problem:
                    passed = False
                    report(current, str(problem) or f"no answer in {STEP_SECONDS} s")
                else:
                    report(current, None)
            current = "close"
        report("close", None)
    except BaseException as error:  # whatever ended the run belongs into its report
        for leaf in leaves(error):
            report(current, f"{type(leaf).__name__}: {leaf}")
        return False
    return passed


def main(kind: type[Run] = Run) -> int:
    arguments = argparse.ArgumentParser(description="The Python peer client.")
    arguments.add_argument("--scenario", required=True, metavar="FILE")
    arguments.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    target = arguments.add_mutually_exclusive_group(required=True)
    target.add_argument("--http", metavar="URL")
    target.add_argument("--stdio", nargs=argparse.REMAINDER, metavar="COMMAND")
    chosen = arguments.parse_args()
    variables = dict(pair.split("=", 1) for pair in chosen.set)
    scenario = substitute(json.loads(Path(chosen.scenario).read_text(encoding="utf-8")), variables)
    server: str | StdioServerParameters
    if chosen.http:
        server = chosen.http
    else:
        server = StdioServerParameters(command=chosen.stdio[0], args=chosen.stdio[1:])
    return 0 if asyncio.run(run(scenario, server, kind())) else 1


if __name__ == "__main__":
    sys.exit(main())
