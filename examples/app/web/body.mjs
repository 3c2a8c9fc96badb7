// Bodies of requests, read up to a limit.

/** A form, in bytes. */
const FORM_BYTES_MAX = 8 * 1024;

/** The request says more than it may. */
export class TooLarge extends Error {}

/** The whole body, as it came. Throws `TooLarge` as soon as it is longer than that. */
export async function readBody(request, bytesMax) {
  const chunks = [];
  let length = 0;
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw new TooLarge();
  for await (const chunk of request) {
    length += chunk.length;
    if (length > bytesMax) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The fields of a form. */
export async function readForm(request) {
  return new URLSearchParams((await readBody(request, FORM_BYTES_MAX)).toString('utf8'));
}
