// The peer server, written with the TypeScript SDK (revision 2026-07-28).
//
//     server.mjs --stdio
//     server.mjs --http 127.0.0.1:0      prints one line with the URL it listens on
//
// It offers one of everything that scenarios/peer.json asks for, and so does
// server.py: the two answer the same scenario.

import { createServer } from "node:http";
import { parseArgs } from "node:util";

import { hostHeaderValidation, originValidation, toNodeHandler } from "@modelcontextprotocol/node";
import {
  McpServer,
  ProtocolError,
  ResourceTemplate,
  completable,
  createMcpHandler,
  inputRequired,
  inputResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const NAMES = ["ada", "alan", "barbara", "grace"];

// What outlives a request: over HTTP the SDK builds a server for each of them.
const notes = new Map([["note:///readme", "Read me first."]]);
const grown = new Set();

const text = (value) => ({ content: [{ type: "text", text: value }] });
const startingWith = (value) => NAMES.filter((name) => name.startsWith(value));

function registerGrown(server, name) {
  server.registerTool(name, { description: "A tool that was added later." }, () => text(`${name} grew`));
}

/** One server; `notify` is how it reaches the listeners of this transport. */
function peer(notify) {
  const server = new McpServer(
    { name: "interop-peer", version: "1.0.0" },
    {
      instructions: "A peer for interoperability tests.",
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        prompts: { listChanged: true },
        completions: {},
      },
    },
  );
  const tell = notify ?? {
    toolsChanged: () => server.sendToolListChanged(),
    resourceUpdated: (uri) => server.server.sendResourceUpdated({ uri }),
  };

  server.registerTool(
    "echo",
    { description: "Answers with its argument.", inputSchema: z.object({ text: z.string() }) },
    (args) => text(args.text),
  );
  server.registerTool(
    "add",
    {
      description: "Adds two integers.",
      inputSchema: z.object({ a: z.int(), b: z.int() }),
      outputSchema: z.object({ sum: z.int() }),
    },
    ({ a, b }) => ({ ...text(JSON.stringify({ sum: a + b })), structuredContent: { sum: a + b } }),
  );
  server.registerTool(
    "fail",
    { description: "Fails, as a tool does that the model can react to." },
    () => ({ ...text("this tool always fails"), isError: true }),
  );
  server.registerTool(
    "count",
    { description: "Counts and reports every number as progress.", inputSchema: z.object({ to: z.int() }) },
    async ({ to }, cx) => {
      const progressToken = cx.mcpReq._meta?.progressToken;
      for (let number = 1; number <= to && progressToken !== undefined; number++) {
        await cx.mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress: number, total: to, message: `number ${number}` },
        });
      }
      return text(`counted to ${to}`);
    },
  );
  server.registerTool(
    "confirm",
    {
      description: "Asks the user a question and says what the answer was.",
      inputSchema: z.object({ question: z.string() }),
    },
    ({ question }, cx) => {
      const answer = inputResponse(cx.mcpReq.inputResponses, "confirm");
      if (answer.kind !== "elicit") {
        return inputRequired({
          inputRequests: {
            confirm: inputRequired.elicit({
              message: question,
              requestedSchema: {
                type: "object",
                properties: { confirm: { type: "boolean", description: "Whether to go on" } },
                required: ["confirm"],
              },
            }),
          },
        });
      }
      if (answer.action !== "accept") {
        return text(answer.action === "decline" ? "declined" : "cancelled");
      }
      return text(answer.content?.confirm === true ? "confirmed" : "refused");
    },
  );
  server.registerTool(
    "grow",
    {
      description: "Adds a tool of that name and tells every listener.",
      inputSchema: z.object({ name: z.string() }),
    },
    ({ name }) => {
      grown.add(name);
      if (notify === undefined) registerGrown(server, name);
      tell.toolsChanged();
      return text(`added ${name}`);
    },
  );
  server.registerTool(
    "write",
    {
      description: "Changes a note and tells who listens to it.",
      inputSchema: z.object({ name: z.string(), text: z.string() }),
    },
    async (args) => {
      const uri = `note:///${args.name}`;
      notes.set(uri, args.text);
      await tell.resourceUpdated(uri);
      return text(`wrote ${uri}`);
    },
  );
  for (const name of grown) registerGrown(server, name);

  const read = (uri) => {
    const found = notes.get(uri.href);
    if (found === undefined) throw new ProtocolError(-32602, "no such note", { uri: uri.href });
    return { contents: [{ uri: uri.href, mimeType: "text/plain", text: found }] };
  };
  server.registerResource(
    "readme",
    "note:///readme",
    { description: "What to read first.", mimeType: "text/plain" },
    read,
  );
  server.registerResource(
    "note",
    new ResourceTemplate("note:///{name}", { list: undefined, complete: { name: startingWith } }),
    { description: "A note by its name.", mimeType: "text/plain" },
    read,
  );
  server.registerPrompt(
    "greet",
    { description: "Asks for a greeting.", argsSchema: z.object({ name: completable(z.string(), startingWith) }) },
    ({ name }) => ({ messages: [{ role: "user", content: { type: "text", text: `Greet ${name}.` } }] }),
  );
  return server;
}

function serveHttp(address) {
  const [host, port] = [address.slice(0, address.lastIndexOf(":")), Number(address.slice(address.lastIndexOf(":") + 1))];
  const handler = createMcpHandler(() => peer(handler.notify));
  const answer = toNodeHandler(handler);
  const hostAllowed = hostHeaderValidation(localhostAllowedHostnames());
  const originAllowed = originValidation(localhostAllowedOrigins());
  const http = createServer((request, response) => {
    if (new URL(request.url, "http://localhost").pathname !== "/mcp") {
      response.writeHead(404).end();
    } else if (hostAllowed(request, response) && originAllowed(request, response)) {
      answer(request, response);
    }
  });
  http.listen(port, host, () => console.log(`listening on http://${host}:${http.address().port}/mcp`));
}

const { values } = parseArgs({ options: { stdio: { type: "boolean" }, http: { type: "string" } } });
if (values.stdio) {
  serveStdio(() => peer(undefined));
} else if (values.http) {
  serveHttp(values.http);
} else {
  console.error("usage: server.mjs --stdio | --http HOST:PORT");
  process.exit(2);
}
