// The peer client, written with the TypeScript SDK (revision 2026-07-28).
//
//     client.mjs --scenario FILE [--set NAME=VALUE]... (--http URL | --stdio COMMAND [ARG]...)
//
// Runs the steps of a scenario against a server, prints one JSON line for each, and
// exits with 0 only if every answer was as the scenario expects. README.md beside
// this file says what a scenario may contain.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { Client, ProtocolError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const REVISION = "2026-07-28";
const STEP_MS = 30_000;

/** An answer that is not what the scenario expects. */
class Mismatch extends Error {}

const show = (value) => JSON.stringify(value) ?? "nothing";
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Compares as README.md says; throws a Mismatch at the first difference. */
function match(expected, found, where) {
  if (found === undefined && !(isObject(expected) && "$not" in expected)) throw new Mismatch(`${where}: missing`);
  if (isObject(expected) && Object.keys(expected).some((key) => key.startsWith("$"))) {
    for (const [matcher, operand] of Object.entries(expected)) matchSpecial(matcher, operand, found, where);
  } else if (isObject(expected)) {
    if (!isObject(found)) throw new Mismatch(`${where}: expected an object, found ${show(found)}`);
    for (const [key, value] of Object.entries(expected)) {
      match(value, found[key], `${where}.${key}`);
    }
  } else if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) {
      throw new Mismatch(`${where}: expected ${expected.length} elements, found ${show(found)}`);
    }
    expected.forEach((one, index) => match(one, found[index], `${where}[${index}]`));
  } else if (!isDeepStrictEqual(expected, found)) {
    throw new Mismatch(`${where}: expected ${show(expected)}, found ${show(found)}`);
  }
}

function matchSpecial(matcher, operand, found, where) {
  const holds = {
    $contains: () => typeof found === "string" && found.includes(operand),
    $matches: () => typeof found === "string" && new RegExp(operand).test(found),
    $not: () => !matches(operand, found),
    $atLeast: () => typeof found === "number" && found >= operand,
    $includes: () => Array.isArray(found) && operand.every((wanted) => found.some((element) => matches(wanted, element))),
    $excludes: () => Array.isArray(found) && !operand.some((unwanted) => found.some((element) => matches(unwanted, element))),
  }[matcher];
  if (holds === undefined) throw new Mismatch(`${where}: the scenario uses an unknown matcher ${matcher}`);
  if (!holds()) throw new Mismatch(`${where}: ${show(found)} does not satisfy ${matcher} ${show(operand)}`);
}

function matches(expected, found) {
  try {
    match(expected, found, "$");
    return true;
  } catch (error) {
    if (error instanceof Mismatch) return false;
    throw error;
  }
}

/** One connection and the answers that its user would give to forms. */
class Run {
  answers = [];
  unexpected = [];

  constructor(client) {
    this.client = client;
    client.setRequestHandler("elicitation/create", ({ params }) => {
      const answer = this.answers.shift();
      if (answer === undefined) {
        this.unexpected.push(`a form nobody expected: ${show(params)}`);
        return { action: "cancel" };
      }
      try {
        match(answer.expect ?? {}, params, "form");
      } catch (error) {
        this.unexpected.push(error.message);
      }
      return answer.reply;
    });
  }

  async step(step) {
    this.answers = [...(step.answers ?? [])];
    this.unexpected = [];
    const action = actions[step.do];
    if (action === undefined) throw new Mismatch(`the scenario asks for an unknown action ${step.do}`);
    let found;
    try {
      found = await action(this.client, step);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, message, data } = error;
      if (step.error === undefined) throw new Mismatch(`error ${code}: ${message} ${show(data)}`);
      match(step.error, { code, message, data }, "error");
      found = undefined;
    }
    if (found !== undefined) {
      if (step.error !== undefined) throw new Mismatch(`expected an error, found ${show(found)}`);
      match(step.expect ?? {}, found, "result");
    }
    if (this.unexpected.length > 0) throw new Mismatch(this.unexpected.join("; "));
    if (this.answers.length > 0) throw new Mismatch(`${this.answers.length} forms of the scenario were never asked`);
  }
}

const actions = {
  discover: async (client) => ({
    protocolVersion: client.getNegotiatedProtocolVersion(),
    serverInfo: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
  }),
  // Past the response cache: the scenario tests the server, not the cache.
  list: (client, { what }) =>
    ({
      tools: () => client.listTools(undefined, { cacheMode: "bypass" }),
      resources: () => client.listResources(undefined, { cacheMode: "bypass" }),
      templates: () => client.listResourceTemplates(undefined, { cacheMode: "bypass" }),
      prompts: () => client.listPrompts(undefined, { cacheMode: "bypass" }),
    })[what](),
  call: async (client, step) => {
    const seen = [];
    const options = step.progress === undefined ? {} : { onprogress: (progress) => seen.push(progress) };
    const result = await client.callTool({ name: step.tool, arguments: step.arguments }, options);
    if (step.progress !== undefined) match(step.progress, seen, "progress");
    return result;
  },
  read: (client, { uri }) => client.readResource({ uri }, { cacheMode: "bypass" }),
  prompt: (client, step) => client.getPrompt({ name: step.name, arguments: step.arguments }),
  complete: (client, step) =>
    client.complete({
      ref: step.ref,
      argument: step.argument,
      ...(step.context === undefined ? {} : { context: { arguments: step.context } }),
    }),
  listen: async (client, step) => {
    const seen = [];
    let arrived;
    const event = new Promise((resolve) => (arrived = resolve));
    for (const method of [
      "notifications/tools/list_changed",
      "notifications/prompts/list_changed",
      "notifications/resources/list_changed",
      "notifications/resources/updated",
    ]) {
      client.setNotificationHandler(method, (notification) => {
        seen.push(notification);
        if (matches(step.event, notification)) arrived("event");
      });
    }
    const subscription = await client.listen(step.filter);
    try {
      match(step.honored ?? step.filter, subscription.honoredFilter, "acknowledged");
      await trigger(client, step.trigger);
      const first = await Promise.race([event, subscription.closed]);
      if (first !== "event") throw new Mismatch(`the stream ended (${first}) without the event; before it: ${show(seen)}`);
      return { events: seen };
    } finally {
      await subscription.close();
    }
  },
};

async function trigger(client, { call, write, remove }) {
  if (call !== undefined) {
    const result = await client.callTool({ name: call.tool, arguments: call.arguments });
    if (result.isError) throw new Mismatch(`the triggering call failed: ${show(result)}`);
  } else if (write !== undefined) {
    writeFileSync(write.path, write.text);
  } else if (remove !== undefined) {
    rmSync(remove.path);
  } else {
    throw new Mismatch("the scenario uses an unknown trigger");
  }
}

/** Replaces ${name} in every string of a scenario. */
function substitute(value, variables) {
  if (typeof value === "string") {
    return value.replace(/\$\{(\w+)\}/g, (_, name) => {
      if (!(name in variables)) throw new Error(`the scenario needs --set ${name}=VALUE`);
      return variables[name];
    });
  }
  if (Array.isArray(value)) return value.map((element) => substitute(element, variables));
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, substitute(element, variables)]));
  }
  return value;
}

function report(step, error) {
  console.log(JSON.stringify(error === undefined ? { step, ok: true } : { step, ok: false, error }));
}

/** Rejects when a step takes too long, and leaves no timer behind. */
async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Mismatch(`no answer in ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function run(scenario, transport) {
  const client = new Client(
    { name: "interop-typescript-client", version: "1.0.0" },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: { pin: REVISION } } },
  );
  let current = "connect";
  let passed = true;
  try {
    const state = new Run(client);
    await client.connect(transport);
    report("connect");
    for (const step of scenario.steps) {
      current = step.id;
      try {
        await within(STEP_MS, state.step(step));
        report(current);
      } catch (error) {
        if (!(error instanceof Mismatch)) throw error;
        passed = false;
        report(current, error.message);
      }
    }
    current = "close";
    await within(STEP_MS, client.close());
    report("close");
    return passed;
  } catch (error) {
    report(current, String(error?.stack ?? error));
    return false;
  }
}

/** The options of the command line; everything after --stdio belongs to the server. */
function commandLine(words) {
  const options = { set: {} };
  while (words.length > 0) {
    const word = words.shift();
    if (word === "--stdio") {
      [options.command, ...options.args] = words.splice(0);
    } else if (word === "--scenario" || word === "--http") {
      options[word.slice(2)] = words.shift();
    } else if (word === "--set") {
      const pair = words.shift();
      options.set[pair.slice(0, pair.indexOf("="))] = pair.slice(pair.indexOf("=") + 1);
    } else {
      throw new Error(`unknown option ${word}`);
    }
  }
  if (!options.scenario || !(options.http || options.command)) {
    throw new Error("usage: client.mjs --scenario FILE [--set NAME=VALUE]... (--http URL | --stdio COMMAND [ARG]...)");
  }
  return options;
}

const options = commandLine(process.argv.slice(2));
const scenario = substitute(JSON.parse(readFileSync(options.scenario, "utf8")), options.set);
const transport = options.http
  ? new StreamableHTTPClientTransport(new URL(options.http))
  : new StdioClientTransport({ command: options.command, args: options.args, stderr: "inherit" });
const passed = await run(scenario, transport);
process.exit(passed ? 0 : 1);
