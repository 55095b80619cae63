// What a server of ours says of itself, read with the libraries of others.
//
//     identity.mjs --base URL --schema FILE --folder FOLDER
//
// As identity.py, with ajv and @a2a-js/sdk.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import {
  AgentCard,
  generateAgentCardSignature,
  verifyAgentCardSignature,
} from "@a2a-js/sdk";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import * as jose from "jose";

const text = { type: "string" };
const { values } = parseArgs({ options: { base: text, schema: text, folder: text } });

async function document(path) {
  const answer = await fetch(values.base + path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function cardSchema() {
  const { $defs } = JSON.parse(readFileSync(values.schema, "utf8"));
  const ajv = addFormats(new Ajv({ strict: false }));
  const validate = ajv.compile({ $ref: "#/$defs/ServerCard", $defs });
  const card = await document("/mcp/server-card");
  if (!validate(card)) throw new Error(ajv.errorsText(validate.errors));
  delete card.name;
  if (validate(card)) throw new Error("the schema accepts a card without a name");
}

async function key(kid) {
  const { verificationMethod, assertionMethod } = await document("/.well-known/did.json");
  if (!assertionMethod.includes(kid)) throw new Error(`${kid} is no key for statements`);
  const { publicKeyJwk } = verificationMethod.find(({ id }) => id === kid);
  return jose.importJWK(publicKeyJwk, "ES256");
}

async function agentCardSignature() {
  const verify = verifyAgentCardSignature(key);
  const card = AgentCard.fromJSON(await document("/.well-known/agent-card.json"));
  await verify(card);
  const accepted = await verify({ ...card, description: `${card.description}.` }).then(
    () => true,
    () => false,
  );
  if (accepted) throw new Error("a changed card is accepted");
}

// Cards for ours: a plain one, and one with empty members, which the SDK leaves out of what it signs.
async function sign() {
  const { privateKey, publicKey } = await jose.generateKeyPair("ES256", { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  writeFileSync(join(values.folder, "node.jwk"), JSON.stringify(jwk));
  const plain = {
    name: "Wetter",
    description: "Vorhersagen für Orte: €, 𝄞, \u2028 und \"mehr\".",
    supportedInterfaces: [
      { url: "https://a.example/a2a", protocolBinding: "JSONRPC", protocolVersion: "1.0" },
    ],
    version: "1.0.0",
    capabilities: { streaming: false },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [{ id: "f", name: "F", description: "F", tags: ["t"] }],
  };
  const empty = { ...plain, description: "", capabilities: {} };
  const signer = generateAgentCardSignature(privateKey, { alg: "ES256", kid: "node", typ: "JOSE" });
  for (const [name, card] of Object.entries({ plain, empty })) {
    const { signatures } = AgentCard.toJSON(await signer(AgentCard.fromJSON(card)));
    const signed = { ...card, signatures };
    writeFileSync(join(values.folder, `node-${name}.json`), JSON.stringify(signed, null, 1));
  }
}

// What does not hold is said by the SDK on standard error as well.
console.debug = () => {};
const steps = { "card-schema": cardSchema, "agent-card-signature": agentCardSignature, sign };
for (const [step, run] of Object.entries(steps)) {
  try {
    await run();
    console.log(JSON.stringify({ step, ok: true }));
  } catch (error) {
    process.exitCode = 1;
    console.log(JSON.stringify({ step, ok: false, error: String(error) }));
  }
}
