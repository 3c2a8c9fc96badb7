// The types of the API's description, as text.

import fs from 'node:fs';

import openapiTS, { astToString } from 'openapi-typescript';

/** The description that the server is tested against. */
export const DESCRIPTION = new URL('../../../../docs/reference/openapi.json', import.meta.url);
/** Where the types are kept. */
export const TYPES = new URL('../src/openapi.ts', import.meta.url);

const HEADER = `// Made from the API's description by \`npm run generate\`. Changes here are lost.\n\n`;

/** The text of `src/openapi.ts`. */
export async function openapiTypes() {
  const description = JSON.parse(fs.readFileSync(DESCRIPTION, 'utf8'));
  return HEADER + astToString(await openapiTS(opened(description), { silent: true }));
}

/** What JSON Schema leaves open by saying nothing, said, because the generator takes silence as closed. */
function opened(node) {
  if (Array.isArray(node)) return node.map(opened);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, opened(value)]));
  if (copy.type === 'object' && copy.properties && copy.additionalProperties === undefined) {
    copy.additionalProperties = true;
  }
  return copy;
}
