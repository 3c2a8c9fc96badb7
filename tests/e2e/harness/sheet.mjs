// Screenshots on one sheet, as the docs show them.

/** A sheet shows its screens this much smaller. */
const SCALE = 0.42;
const JPEG_QUALITY = 82;

/**
 * One picture of many, a line for each row.
 * @param {import('playwright-core').Browser} browser
 * @param {string} file
 * @param {{ width: number, png: Buffer }[][]} rows
 */
export async function sheet(browser, file, rows) {
  const image = ({ width, png }) => `<img width="${Math.round(width * SCALE)}" src="data:image/png;base64,${png.toString('base64')}">`;
  const lines = rows.map((row) => `<div>${row.map(image).join('')}</div>`);
  const page = await browser.newPage();
  await page.setContent(`<!doctype html><style>
    body { margin: 0; padding: 12px; width: max-content; background: #8a8f98 }
    div { display: flex; gap: 12px; align-items: flex-start }
    div + div { margin-top: 12px }
  </style>${lines.join('')}`);
  await page.locator('body').screenshot({ path: file, type: 'jpeg', quality: JPEG_QUALITY });
  await page.close();
}
