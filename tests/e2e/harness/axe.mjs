// What axe finds on a page.

import fs from 'node:fs';
import { createRequire } from 'node:module';

const SCRIPT = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const EVERYTHING = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const COLOURS = ['color-contrast', 'link-in-text-block'];

/** What axe finds against WCAG 2.2 AA and its own best practices, each as one line. */
export const violations = (page) => run(page, { type: 'tag', values: EVERYTHING });

/** The same of the rules about colour alone: for a page whose other colour scheme was already looked at. */
export const colourViolations = (page) => run(page, { type: 'rule', values: COLOURS });

async function run(page, runOnly) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(SCRIPT);
  const { violations: found } = await page.evaluate(
    (only) => globalThis.axe.run({ runOnly: only, resultTypes: ['violations'] }),
    runOnly,
  );
  return found.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`));
}
