// The package against the API's description: nothing is missing, nothing is out of date.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { Valetkey, VERSION } from '@valetkey/node';

import { openapiTypes, TYPES } from '../scripts/openapi-types.mjs';
import { documentedOperations, METHODS } from './stage/operations.mjs';

test('src/openapi.ts is what `npm run generate` makes of the description', async () => {
  const kept = fs.readFileSync(TYPES, 'utf8');
  assert.ok(kept === (await openapiTypes()), 'run `npm run generate`');
});

test('every operation that an API key can call has a method', (context) => {
  const documented = documentedOperations();
  context.diagnostic(`${documented.length} operations`);
  assert.deepEqual(Object.keys(METHODS).sort(), documented.sort(), 'name its method in test/stage/operations.mjs');
  const client = new Valetkey({ host: 'http://127.0.0.1:1', apiKey: 'k' });
  for (const name of Object.values(METHODS)) {
    const [group, method] = name.split('.');
    assert.equal(typeof client[group]?.[method], 'function', name);
  }
});

test('the version is the package’s', () => {
  const manifest = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(VERSION, manifest.version);
});
