// Runs before `npm ci`: inside this repository the two Valetkey packages are used from their source, and have to be
// built once. With packages from npm there is no such step.

import { execSync } from 'node:child_process';
import fs from 'node:fs';

const BUILD_MS_MAX = 10 * 60_000;

for (const name of ['frontend', 'node']) {
  const folder = new URL(`../../sdk/js/${name}/`, import.meta.url);
  if (fs.existsSync(new URL('dist/esm/index.js', folder))) continue;
  // Of this run's settings, such as --prefix, none is meant for these.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')));
  const options = { cwd: folder, env, stdio: 'inherit', timeout: BUILD_MS_MAX };
  execSync('npm ci', options);
  execSync('npm run build', options);
}
