// Writes `src/openapi.ts`.

import fs from 'node:fs';

import { openapiTypes, TYPES } from './openapi-types.mjs';

fs.writeFileSync(TYPES, await openapiTypes());
