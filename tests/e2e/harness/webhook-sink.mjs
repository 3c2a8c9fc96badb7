// The customer's webhook endpoint: records every request as it came.

import crypto from 'node:crypto';

import { bodyOf, listen } from './listening.mjs';
import { until } from './waiting.mjs';

/** Start it. `answer(record)` decides the status of each request; 200 unless set. */
export async function startWebhookSink() {
  const sink = { received: [], answer: () => 200 };
  const server = await listen(async (request, response) => {
    const raw = await bodyOf(request);
    const record = {
      path: request.url,
      headers: request.headers,
      raw: raw.toString('utf8'),
      body: JSON.parse(raw.toString('utf8')),
      id: request.headers['webhook-id'],
    };
    record.status = sink.answer(record);
    sink.received.push(record);
    response.writeHead(record.status).end();
  });
  return Object.assign(sink, server, {
    /** Forget what came so far. */
    clear: () => sink.received.splice(0),
    /** Requests that fit, whatever was answered. */
    matching: (fits) => sink.received.filter(fits),
    /** Wait for one that fits. */
    next: (what, fits, options) =>
      until(`webhook: ${what}`, () => sink.received.find((record) => record.status < 300 && fits(record)), options),
  });
}

/** Check the headers of the Standard Webhooks specification; throws with what is wrong. */
export function verifyStandardWebhook(record, signingKey) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = record.headers;
  if (!id || !timestamp || !signatures) throw new Error('a Standard Webhooks header is missing');
  if (!/^\d{10}$/.test(timestamp)) throw new Error(`webhook-timestamp is not in seconds: ${timestamp}`);
  const expected = crypto
    .createHmac('sha256', signingKey)
    .update(`${id}.${timestamp}.${record.raw}`)
    .digest('base64');
  if (!signatures.split(' ').includes(`v1,${expected}`)) throw new Error('no webhook-signature fits');
}
