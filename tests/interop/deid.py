"""De-identification by fhir-mcp and by ours, of the same resources with the same planted identifiers.

    deid.py --resources FOLDER --ours PROGRAM --folder FOLDER [--limit N]

plants identifiers in the R4 resources of a folder (JSON files; no collections, since fhir-mcp takes single resources), lets
both take them out, and looks which are left in the same resource's output. Ours is a program that reads and writes lines.
Both go from text to text; the time is that of the processor, for ours of the whole program with its start. One JSON line
for each kind of identifier, and one for each tool.
"""

import argparse
import asyncio
import itertools
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

arguments = argparse.ArgumentParser()
for name in ("resources", "ours", "folder"):
    arguments.add_argument(f"--{name}", required=True)
arguments.add_argument("--limit", type=int, default=None)
arguments = arguments.parse_args()

folder = pathlib.Path(arguments.folder)
folder.mkdir(parents=True, exist_ok=True)
vault = folder / "vault.db"
vault.unlink(missing_ok=True)
os.environ["FHIR_MCP_STATE_DIR"] = str(folder)
os.environ["FHIR_MCP_VAULT_URL"] = f"sqlite+aiosqlite:///{vault}"
os.environ["FHIR_MCP_LOG_LEVEL"] = "ERROR"
os.chdir(folder)

from fhir_mcp.deid import deidentify_resource  # noqa: E402  (it reads the environment)

DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(T.*)?$")
REFERENCE = re.compile(r"^(#|[A-Z][A-Za-z]+/[A-Za-z0-9.-]+$)")
TEXT = {"text", "description", "comment", "title", "valueString", "instruction", "purpose", "copyright"}
numbers = itertools.count(1)


class Planting:
    """Plants in one resource, and remembers what and where."""

    def __init__(self):
        self.values = []

    def note(self, kind, value):
        self.values.append((kind, value))
        return value

    def word(self, kind):
        return self.note(kind, f"Zq{next(numbers):07d}x")

    def date(self):
        # Of a year that both may show, in a month and on a day.
        number = next(numbers)
        return self.note("dates", f"1987-{number % 12 + 1:02d}-{number % 28 + 1:02d}")

    def sentence(self):
        phone = self.note("free text: telephone numbers", f"202-555-{next(numbers) % 10000:04d}")
        ssn = self.note("free text: social security numbers", f"078-05-{next(numbers) % 10000:04d}")
        return f"Seen by {self.word('free text: names')}, call {phone}, SSN {ssn}."

    def resource(self, it):
        self.walk(it, None)
        it["extension"] = it.get("extension", []) + [
            {"url": "https://hospital.example/mother", "valueString": self.word("extensions")}
        ]
        if it.get("resourceType") == "Patient":
            it.setdefault("name", [{}])[0]["family"] = self.word("names")
            it["birthDate"] = self.date()
            birth = {"url": "https://hospital.example/born", "valueString": self.word("extensions")}
            it["_birthDate"] = {"extension": [birth]}
        return it

    def walk(self, it, parent):
        if isinstance(it, list):
            for value in it:
                self.walk(value, parent)
        if not isinstance(it, dict):
            return
        for name, value in list(it.items()):
            if isinstance(value, (dict, list)):
                if name == "given" and isinstance(value, list):
                    it[name] = [self.word("names") for _ in value]
                elif name == "line" and isinstance(value, list):
                    it[name] = [self.word("addresses") for _ in value]
                else:
                    self.walk(value, name)
            elif isinstance(value, str):
                it[name] = self.planted(name, value, parent, it)

    def planted(self, name, value, parent, it):
        if name == "family":
            return self.word("names")
        if name in ("city", "district"):
            return self.word("addresses")
        if name == "value" and parent == "identifier":
            return self.word("identifiers")
        if name == "value" and parent == "telecom":
            return self.word("telecom")
        if name == "display":
            return self.word("displays")
        if name == "div":
            return f'<div xmlns="http://www.w3.org/1999/xhtml">{self.sentence()}</div>'
        if name == "data" and parent in ("photo", "content", "attachment"):
            return self.word("attachments")
        if name == "serialNumber":
            return self.word("identifiers")
        if DATE.match(value) and name not in TEXT:
            return self.date() + value[10:]
        if name == "id" and it.get("resourceType"):
            return self.word("ids")
        if name == "reference" and REFERENCE.match(value):
            kind, slash, _ = value.partition("/")
            return f"{kind}/{self.word('references')}" if slash else f"#{self.word('references')}"
        if name in TEXT:
            return self.sentence()
        return value


def codings(it):
    """How many pairs of a system and a code there are."""
    if isinstance(it, list):
        return sum(map(codings, it))
    if not isinstance(it, dict):
        return 0
    is_pair = isinstance(it.get("system"), str) and isinstance(it.get("code"), str)
    return int(is_pair) + sum(codings(value) for value in it.values())


def read():
    paths = sorted(pathlib.Path(arguments.resources).glob("*.json"))
    for path in paths:
        it = json.loads(path.read_text())
        if "id" in it and it.get("resourceType") not in (None, "Bundle", "Parameters"):
            yield it


resources, planted = [], []
for it in itertools.islice(read(), arguments.limit):
    planting = Planting()
    resources.append(json.dumps(planting.resource(it)))
    planted.append(planting.values)


async def theirs():
    return [json.dumps(await deidentify_resource(json.loads(text))) for text in resources]


def ours():
    lines = "\n".join(resources) + "\n"
    done = subprocess.run(
        [arguments.ours, "r4"], input=lines, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()


start = time.process_time()
of_theirs = asyncio.run(theirs())
seconds_of_theirs = time.process_time() - start
before = resource.getrusage(resource.RUSAGE_CHILDREN)
of_ours = ours()
after = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds_of_ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

if len(of_ours) != len(resources):
    sys.exit(f"{len(of_ours)} lines for {len(resources)} resources")
pairs = sum(codings(json.loads(text)) for text in resources)
for tool, outputs, seconds in (
    ("fhir-mcp 0.2.2", of_theirs, seconds_of_theirs),
    ("mcp-ext-healthcare", of_ours, seconds_of_ours),
):
    kinds = {}
    for text, values in zip(outputs, planted, strict=True):
        for kind, value in values:
            left, all_of_them = kinds.get(kind, (0, 0))
            kinds[kind] = (left + (value in text), all_of_them + 1)
    for kind, (left, all_of_them) in sorted(kinds.items()):
        print(json.dumps({"tool": tool, "kind": kind, "left": left, "planted": all_of_them}))
    kept = sum(codings(json.loads(text)) for text in outputs)
    summary = {
        "tool": tool,
        "resources": len(outputs),
        "withheld": outputs.count("null"),
        "seconds": seconds,
        "codings": pairs,
        "kept": kept,
    }
    print(json.dumps(summary))
