// Takes the pictures of `docs/connect-ui.md`: each screen of the Connect UI at four widths in both colour
// schemes, on one sheet. `node pictures.mjs <folder>`

import fs from 'node:fs';
import path from 'node:path';

import { startChromium } from './harness/browser.mjs';
import { makeConnection, makeIntegrations, reach, SCREENS } from './harness/connect-screens.mjs';
import { startDev } from './harness/dev.mjs';
import { sheet } from './harness/sheet.mjs';

const WIDTHS = [320, 390, 768, 1440];
const SCHEMES = ['light', 'dark'];
/** Of a phone and of a desk, in CSS pixels. */
const HEIGHTS = { phone: 760, desk: 860 };
const PHONE_WIDTH_MAX = 500;

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('Say into which folder: node pictures.mjs <folder>');
fs.mkdirSync(folder, { recursive: true });

const dev = await startDev();
const browser = await startChromium();
try {
  const kept = await makeIntegrations(dev);
  kept.connection = await makeConnection(dev);
  for (const screen of SCREENS) {
    const shots = new Map(SCHEMES.map((scheme) => [scheme, []]));
    for (const width of WIDTHS) {
      const height = width < PHONE_WIDTH_MAX ? HEIGHTS.phone : HEIGHTS.desk;
      const context = await browser.newContext({ viewport: { width, height }, locale: 'en', reducedMotion: 'reduce' });
      const page = await context.newPage();
      await reach(dev, page, screen, kept);
      await page.waitForFunction(() => [...document.images].every((image) => image.complete));
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        shots.get(colorScheme).push({ width, png: await page.screenshot() });
      }
      await context.close();
    }
    await sheet(browser, path.join(folder, `${screen.name}.jpg`), [...shots.values()]);
    process.stdout.write(`${screen.name}\n`);
  }
} finally {
  await browser.close();
  await dev.stop();
}
