// @ts-check
// Colours and shapes that an app chose, made to fit: whatever the colour, texts on it and beside it
// can be read (WCAG 2.2: 1.4.3 asks for 4.5 to 1 of texts, 1.4.11 for 3 to 1 of the edge of a button).

/** @typedef {{ primary?: string }} Colours */
/** @typedef {{ theme?: { light?: Colours, dark?: Colours, radius?: number, fontFamily?: string },
 *   defaultTheme?: string, showWatermark?: boolean, name?: string, logo?: string }} Settings */
/** @typedef {[number, number, number]} Rgb each 0 to 255 */

const TEXT_RATIO = 4.5;
const EDGE_RATIO = 3;
/** Grounds of the panel in the stylesheet, which colours have to stand out from. @type {Record<'light' | 'dark', Rgb>} */
const PANEL = { light: [255, 255, 255], dark: [28, 32, 30] };
const WHITE = /** @type {Rgb} */ ([255, 255, 255]);
const BLACK = /** @type {Rgb} */ ([0, 0, 0]);

/**
 * Puts settings on the page. What they leave out stays as the stylesheet has it.
 * @param {Settings} settings @param {string | null} asked the scheme the address names
 */
export function applySettings(settings, asked) {
  const root = document.documentElement;
  const scheme = known(asked) ?? known(settings.defaultTheme) ?? 'system';
  if (scheme === 'system') delete root.dataset.theme;
  else root.dataset.theme = scheme;
  const { light, dark, radius, fontFamily } = settings.theme ?? {};
  const [one, other] = [palette(light?.primary, 'light'), palette(dark?.primary, 'dark')];
  if (one && other)
    for (const name of Object.keys(one)) root.style.setProperty(name, `light-dark(${one[name]}, ${other[name]})`);
  if (typeof radius === 'number') {
    root.style.setProperty('--radius-small', `${radius}px`);
    root.style.setProperty('--radius', `${Math.round(radius * 1.75)}px`);
  }
  if (fontFamily) root.style.setProperty('--sans', fontFamily);
}

/** @param {unknown} scheme */
const known = (scheme) => (['light', 'dark', 'system'].includes(String(scheme)) ? String(scheme) : null);

/**
 * The colours of a scheme from the one that was chosen; null when the browser does not know it.
 * @param {string | undefined} colour @param {'light' | 'dark'} scheme
 * @returns {Record<string, string> | null}
 */
function palette(colour, scheme) {
  const primary = colour ? read(colour) : null;
  if (!primary) return null;
  const panel = PANEL[scheme];
  const on = contrast(primary, WHITE) >= contrast(primary, BLACK) ? WHITE : BLACK;
  const ink = readable(primary, panel, TEXT_RATIO);
  return {
    '--accent': write(primary),
    '--on-accent': write(on),
    // Away from the text on it, so that hovering only ever helps.
    '--accent-hover': write(mix(primary, on === WHITE ? BLACK : WHITE, 0.14)),
    '--accent-edge': write(readable(primary, panel, EDGE_RATIO)),
    '--accent-ink': write(ink),
    '--focus': write(ink),
  };
}

/**
 * The colour itself, or the nearest to it that stands out enough.
 * @param {Rgb} colour @param {Rgb} ground @param {number} ratio
 */
function readable(colour, ground, ratio) {
  const towards = contrast(ground, BLACK) > contrast(ground, WHITE) ? BLACK : WHITE;
  let part = 0;
  while (part < 1 && contrast(mix(colour, towards, part), ground) < ratio) part += 0.04;
  return mix(colour, towards, Math.min(part, 1));
}

/** Any CSS colour as the browser paints it. @param {string} colour @returns {Rgb | null} */
function read(colour) {
  if (!CSS.supports('color', colour)) return null;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d');
  if (!context) return null;
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

/** @param {Rgb} colour */
const write = (colour) => `rgb(${colour.join(' ')})`;

/** @param {Rgb} one @param {Rgb} other @param {number} part of the other @returns {Rgb} */
const mix = (one, other, part) =>
  /** @type {Rgb} */ (one.map((value, at) => Math.round(value + (other[at] - value) * part)));

/** The contrast ratio of WCAG 2.2. @param {Rgb} one @param {Rgb} other */
function contrast(one, other) {
  const [less, more] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
}

/** Relative luminance (WCAG 2.2). @param {Rgb} colour */
function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
