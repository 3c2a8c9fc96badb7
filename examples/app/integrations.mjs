// Which integrations the page offers.

import { config } from './config.mjs';
import { valetkey } from './valetkey.mjs';

/** How long a list is used before it is asked for again, in milliseconds. */
const KEPT_MS = 15_000;
let kept = { at: -Infinity, list: [] };

/**
 * The integrations on offer: `{ unique_key, display_name, provider, logo }`. The last list that came when there is none
 * to be had now.
 */
export async function offeredIntegrations() {
  if (performance.now() - kept.at < KEPT_MS) return kept.list;
  try {
    const all = await valetkey.integrations.list();
    const wanted = config.integrations;
    const list = wanted ? wanted.flatMap((key) => all.find((one) => one.unique_key === key) ?? []) : all;
    list.sort((one, other) => (wanted ? 0 : one.display_name.localeCompare(other.display_name)));
    kept = { at: performance.now(), list };
  } catch (error) {
    console.error(`listing integrations: ${error.message}`);
  }
  return kept.list;
}
