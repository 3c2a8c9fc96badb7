// A database of its own for each stage, on the PostgreSQL server the test command names.

import crypto from 'node:crypto';

import pg from 'pg';

/** Create an empty database. `drop()` removes it, connections or not. */
export async function createDatabase() {
  const server = process.env.VALETKEY_TEST_POSTGRES;
  if (!server) throw new Error('VALETKEY_TEST_POSTGRES is not set');
  const name = `valetkey_e2e_${crypto.randomBytes(6).toString('hex')}`;
  await run(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function run(url, statement) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
