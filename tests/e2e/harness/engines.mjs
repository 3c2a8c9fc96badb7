// Which database engines a suite runs on.

import { describe } from 'node:test';

/** Define the suite once for SQLite and once for PostgreSQL. */
export function onEachEngine(define) {
  describe('on SQLite', () => define('sqlite'));
  onPostgres(define);
}

/** Define the suite for PostgreSQL. Without a server it is skipped, which CI does not accept. */
export function onPostgres(define) {
  const here = Boolean(process.env.VALETKEY_TEST_POSTGRES);
  if (!here && process.env.CI) throw new Error('CI must set VALETKEY_TEST_POSTGRES');
  const skip = here ? false : 'VALETKEY_TEST_POSTGRES is not set';
  describe('on PostgreSQL', { skip }, () => define('postgres'));
}
