// Every screen of the Connect UI in every language and both colour schemes, in a real browser: what axe
// finds, what does not fit on a narrow phone, what is too small for a finger, and what is not translated.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { colourViolations, violations } from './harness/axe.mjs';
import { startChromium } from './harness/browser.mjs';
import { makeConnection, makeIntegrations, reach, SCREENS } from './harness/connect-screens.mjs';
import { startDev } from './harness/dev.mjs';

const LANGUAGES = ['en', 'fr', 'de', 'es', 'pt', 'it', 'nl', 'ja', 'ko', 'zh'];
/** The narrowest phone, in CSS pixels: also a laptop's window at 400%. */
const NARROW = { width: 320, height: 640 };
/** Least size of what a finger has to hit, in CSS pixels. */
const TARGET_PX = 44;
/** Screens looked at side by side. */
const AT_ONCE = 3;

let dev;
let browser;
let kept;
before(async () => {
  dev = await startDev();
  browser = await startChromium();
  kept = await makeIntegrations(dev);
  kept.connection = await makeConnection(dev);
});
after(async () => {
  await browser?.close();
  await dev?.stop();
});

/** What is too small to hit, or sticks out. */
const misfits = (page) =>
  page.evaluate((least) => {
    const found = [];
    const { scrollWidth } = document.documentElement;
    if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} wide`);
    for (const element of document.querySelectorAll('button, a[href], summary, input, select, textarea')) {
      const { width, height } = element.getBoundingClientRect();
      if (width && (height < least - 0.5 || width < least - 0.5)) found.push(`${element.outerHTML.slice(0, 80)} is ${width} by ${height}`);
    }
    return found;
  }, TARGET_PX);

/** A browser that has been here before in one language, but for the pages that change its clock. */
async function open(lang) {
  const context = await browser.newContext({ viewport: NARROW, locale: lang, reducedMotion: 'reduce' });
  return context;
}

for (const lang of LANGUAGES) {
  describe(`in ${lang}`, { concurrency: AT_ONCE }, () => {
    let shared;
    before(async () => (shared = await open(lang)));
    after(() => shared.close());
    for (const screen of SCREENS) {
      test(`${screen.name} can be read, reached and understood`, async () => {
        const context = screen.changesClock ? await open(lang) : shared;
        const page = await context.newPage();
        try {
          await reach(dev, page, screen, kept, { lang });
          assert.equal(await page.locator('html').getAttribute('lang'), lang);
          assert.deepEqual(await violations(page), [], 'axe, light');
          await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
          assert.deepEqual(await colourViolations(page), [], 'axe, dark');
          assert.deepEqual(await misfits(page), []);
          const title = await page.locator('h1').innerText();
          assert.equal(await page.title(), title);
          assert.equal(await page.evaluate(() => document.activeElement?.closest('main, dialog') !== null), true, 'the focus is on the screen');
        } finally {
          await (screen.changesClock ? context : page).close();
        }
      });
    }
  });
}

test('no screen has a text that is missing in its language', async () => {
  for (const lang of LANGUAGES) {
    const page = await (await fetch(`${dev.url}/connect-ui/?lang=${lang}`)).text();
    const texts = JSON.parse(/<script type="application\/json" id="copy">(.*?)<\/script>/s.exec(page)[1]);
    const english = JSON.parse(fs.readFileSync(new URL('../../crates/server/locales/en.json', import.meta.url), 'utf8'));
    const sentences = Object.keys(english).filter((name) => /^(cause|next|leave|check|expired|wait)\./.test(name));
    const same = sentences.filter((name) => texts[name] === english[name]);
    if (lang !== 'en') assert.deepEqual(same, [], `${lang} has English sentences`);
  }
});
