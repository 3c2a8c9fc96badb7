// Takes the pictures of `docs/connect-ui.md`: each screen of the Connect UI at four widths in both colour
// schemes, on one sheet. `node pictures.mjs <folder>`

import fs from 'node:fs';
import path from 'node:path';

import { startChromium } from './harness/browser.mjs';
import { makeConnection, makeIntegrations, reach, SCREENS } from './harness/connect-screens.mjs';
import { startDev } from './harness/dev.mjs';

const WIDTHS = [320, 390, 768, 1440];
const SCHEMES = ['light', 'dark'];
/** Of a phone and of a desk, in CSS pixels. */
const HEIGHTS = { phone: 760, desk: 860 };
const PHONE_WIDTH_MAX = 500;
/** A sheet shows its screens this much smaller. */
const SCALE = 0.42;
const JPEG_QUALITY = 82;

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
    await sheet(path.join(folder, `${screen.name}.jpg`), [...shots.values()]);
    process.stdout.write(`${screen.name}\n`);
  }
} finally {
  await browser.close();
  await dev.stop();
}

/** One picture of many: a row a scheme. */
async function sheet(file, rows) {
  const image = ({ width, png }) => `<img width="${Math.round(width * SCALE)}" src="data:image/png;base64,${png.toString('base64')}">`;
  const lines = rows.map((row) => `<div>${row.map(image).join('')}</div>`);
  const page = await browser.newPage();
  await page.setContent(`<style>
    body { margin: 0; padding: 12px; width: max-content; background: #8a8f98 }
    div { display: flex; gap: 12px; align-items: flex-start }
    div + div { margin-top: 12px }
  </style>${lines.join('')}`);
  await page.locator('body').screenshot({ path: file, type: 'jpeg', quality: JPEG_QUALITY });
  await page.close();
}
