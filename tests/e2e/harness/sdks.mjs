// The published client packages under test: the newest, and the one of a year before.

import { Nango as Current } from '@nangohq/node';
import { Nango as YearOld } from '@nangohq/node-year-old';

/** Node packages. `open` makes a client; the option's name changed in between. */
export const NODE_SDKS = [
  {
    name: '@nangohq/node 0.71.10',
    isCurrent: true,
    open: ({ host, key, signingKey }) =>
      new Current({ host, apiKey: key, webhookSigningKey: signingKey }),
  },
  {
    name: '@nangohq/node 0.69.14',
    isCurrent: false,
    open: ({ host, key }) => new YearOld({ host, secretKey: key }),
  },
];

/** Frontend packages, by the folder the app page serves them from. */
export const FRONTEND_SDKS = [
  { name: '@nangohq/frontend 0.71.10', folder: 'current', npm: '@nangohq/frontend' },
  { name: '@nangohq/frontend 0.69.14', folder: 'year-old', npm: '@nangohq/frontend-year-old' },
];

/** One from long before: it knows fewer modes, and compares origins as texts. */
export const OLDEST_FRONTEND_SDK = { name: '@nangohq/frontend 0.58.7', folder: 'oldest', npm: '@nangohq/frontend-oldest' };
