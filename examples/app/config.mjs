// Settings. They come from the environment and from nowhere else.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const MEANINGS = {
  VALETKEY_HOST: 'where the Valetkey server is, such as http://127.0.0.1:3003',
  VALETKEY_API_KEY: 'an API key of the environment',
  VALETKEY_SIGNING_KEY: 'the key that signs webhooks; `valetkey env signing-key dev` prints it',
};

const missing = Object.keys(MEANINGS).filter((name) => !process.env[name]);
if (missing.length > 0) {
  const lines = missing.map((name) => `  ${name}  ${MEANINGS[name]}`);
  console.error(`Not set:\n${lines.join('\n')}\n\nREADME.md says how to start this app.`);
  process.exit(1);
}
const { VALETKEY_HOST, VALETKEY_API_KEY, VALETKEY_SIGNING_KEY, PORT, INTEGRATIONS, DATA_DIR } = process.env;

const port = Number(PORT || 3010);
if (!Number.isInteger(port) || port < 1 || port > 65_535) {
  console.error(`PORT must be a number from 1 to 65535, not "${PORT}"`);
  process.exit(1);
}
if (!URL.canParse(VALETKEY_HOST)) {
  console.error(`VALETKEY_HOST must be ${MEANINGS.VALETKEY_HOST}, not "${VALETKEY_HOST}"`);
  process.exit(1);
}

export const config = Object.freeze({
  valetkey: Object.freeze({
    /** For the backend and for browsers, without a slash at the end. */
    host: VALETKEY_HOST.replace(/\/+$/, ''),
    apiKey: VALETKEY_API_KEY,
    signingKey: VALETKEY_SIGNING_KEY,
  }),
  /** Where this app listens, on loopback only: anybody may sign in as a demo user. */
  port,
  /** Where browsers reach this app. */
  url: `http://127.0.0.1:${port}`,
  /** Keys of the integrations that are offered, in this order; null for all of the environment. */
  integrations: INTEGRATIONS ? INTEGRATIONS.split(',').map((key) => key.trim()).filter(Boolean) : null,
  /** Folder of accounts.json. */
  dataDir: DATA_DIR || path.join(HERE, 'data'),
});
