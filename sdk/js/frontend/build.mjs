// Builds `dist/esm` and `dist/cjs`: one minified file each, with types. Each folder says in a
// package.json of its own which kind of module it holds, so that its types count as the same kind.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const FORMATS = [
  { format: 'esm', type: 'module' },
  { format: 'cjs', type: 'commonjs' },
];

fs.rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
for (const { format, type } of FORMATS) {
  const outdir = path.join('dist', format);
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/index.ts'],
    outdir,
    format,
    bundle: true,
    minify: true,
    target: 'es2022',
    sourcemap: true,
  });
  const tsc = path.join('node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '--outDir', outdir], { cwd: ROOT, stdio: 'inherit' });
  fs.writeFileSync(path.join(ROOT, outdir, 'package.json'), `${JSON.stringify({ type })}\n`);
}
