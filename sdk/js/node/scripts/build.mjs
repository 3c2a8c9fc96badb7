// Builds `dist/esm` and `dist/cjs` with types. Each folder says in a package.json of its own which
// kind of module it holds, so that its types count as the same kind.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FORMATS = [
  { format: 'esm', type: 'module', options: ['--module', 'node16', '--moduleResolution', 'node16'] },
  { format: 'cjs', type: 'commonjs', options: ['--module', 'commonjs', '--moduleResolution', 'node10'] },
];

fs.rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
for (const { format, type, options } of FORMATS) {
  const outDir = path.join('dist', format);
  const tsc = path.join('node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '--outDir', outDir, ...options], { cwd: ROOT, stdio: 'inherit' });
  fs.writeFileSync(path.join(ROOT, outDir, 'package.json'), `${JSON.stringify({ type })}\n`);
}
