// @ts-check
// What a person typed, put right where it can be and checked before it is sent. The server has the
// last word; these are its rules, said in the person's language and at once.

import { t } from './connect-copy.js';

/** @typedef {import('./connect-fields.js').Definition} Definition */

/** Longest value of an input that is no secret, in bytes, as the server takes it. */
const VALUE_BYTES_MAX = 4096;
const HOSTNAME = /^[a-z0-9.-]+$/i;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const PEM = /-----BEGIN [^-]+-----[\s\S]+-----END [^-]+-----/;

/**
 * The value itself, where somebody pasted more: a whole address for a subdomain, or one with its
 * page.
 * @param {string} text @param {Definition} definition
 */
export function clean(text, { prefix, suffix, format, secret }) {
  let value = text.trim();
  if (secret) return value;
  if (prefix && lower(value).startsWith(lower(prefix))) value = value.slice(prefix.length);
  if (prefix || suffix || format === 'hostname') {
    const scheme = /^https?:\/\//i.exec(value);
    if (scheme) value = value.slice(scheme[0].length);
    const place = suffix ? lower(value).indexOf(lower(suffix.replace(/\/$/, ''))) : -1;
    if (place > 0) value = value.slice(0, place);
    else if (scheme || format === 'hostname') value = value.split(/[/?#]/)[0];
  }
  return value;
}

/** @param {string} text */
const lower = (text) => text.toLowerCase();

/**
 * What is wrong with a value, as a sentence; empty when all is well.
 * @param {string} value @param {Definition} definition
 */
export function problemOf(value, definition) {
  const { optional, default_value: preset, enum: choices, format, pattern, example, secret, pem } = definition;
  if (value === '') return optional || preset !== undefined ? '' : t('check.required');
  if (choices && !choices.includes(value)) return t('check.choice');
  if (!secret && !pem && new TextEncoder().encode(value).length > VALUE_BYTES_MAX) return t('check.long');
  if (format === 'hostname' && !HOSTNAME.test(value)) return t('check.hostname');
  if (format === 'uri' && !isWebAddress(value)) return t('check.uri');
  if (format === 'uuid' && !UUID.test(value)) return t('check.uuid');
  if (format === 'email' && !EMAIL.test(value)) return t('check.email');
  if (pem && value.includes('-----') && !PEM.test(value)) return t('check.pem');
  if (pattern && !matches(pattern, value)) return example ? t('check.pattern_example', { example }) : t('check.pattern');
  return '';
}

/** @param {string} value */
function isWebAddress(value) {
  try {
    return /^https?:$/.test(new URL(value).protocol);
  } catch {
    return false;
  }
}

/** A pattern this browser cannot read is left to the server. @param {string} pattern @param {string} value */
function matches(pattern, value) {
  try {
    return new RegExp(pattern).test(value);
  } catch {
    return true;
  }
}
