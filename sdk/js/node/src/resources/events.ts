import { setTimeout as sleep } from 'node:timers/promises';

import type { CallOptions, Http } from '../http.js';
import type { Query, Reply } from '../route.js';
import type { WebhookEvent } from '../webhooks.js';

type EventReply = Reply<'GET /environment/events'>['data'][number];

/** An event, delivered or not. */
export interface FeedEvent extends Omit<EventReply, 'payload'> {
  /** What the webhook says. */
  payload: WebhookEvent;
}

/** Where to begin. */
export interface FeedStart {
  /** The id of the last event you have; the oldest that is kept when left out. */
  after?: string | undefined;
  /** Events in a request, at most 1000. */
  pageSize?: number;
}

/** Where to begin, and how often to ask. */
export interface FollowStart extends FeedStart {
  /** Pause between two requests when nothing is new, in milliseconds. */
  intervalMs?: number;
}

/** Which deliveries to list. */
export type DeliveryFilter = Query<'GET /environment/deliveries'>;
/** One event on its way to one address. */
export type Delivery = Reply<'GET /environment/deliveries'>['data'][number];

const PAGE_SIZE = 100;
const INTERVAL_MS = 5_000;

/** The feed of everything that webhooks tell, oldest first. */
export class Events {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** One page of the feed, at most 1000 events; 100 unless `limit` says otherwise. */
  async list(query: Query<'GET /environment/events'> = {}, options?: CallOptions): Promise<FeedEvent[]> {
    return (await this.#http.send('GET /environment/events', { query }, options)).data as FeedEvent[];
  }

  /** Go through the feed up to the newest event, then end. */
  async *all(start: FeedStart = {}, options?: CallOptions): AsyncGenerator<FeedEvent, void, undefined> {
    const { pageSize = PAGE_SIZE } = start;
    let { after } = start;
    for (;;) {
      const found = await this.list({ after, limit: pageSize }, options);
      yield* found;
      if (found.length < pageSize) return;
      after = found.at(-1)?.id;
    }
  }

  /**
   * Go through the feed and wait for more, without end. Leave the loop to stop, or abort the signal.
   * A request that fails ends it; begin again after the last event you have.
   */
  async *follow(start: FollowStart = {}, options: CallOptions = {}): AsyncGenerator<FeedEvent, never, undefined> {
    const { intervalMs = INTERVAL_MS, ...rest } = start;
    let { after } = start;
    for (;;) {
      for await (const event of this.all({ ...rest, after }, options)) {
        yield event;
        after = event.id;
      }
      await sleep(intervalMs, undefined, { signal: options.signal ?? undefined }).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw error;
      });
    }
  }
}

/** Deliveries of events by webhook. */
export class Deliveries {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List deliveries, newest first: at most 1000, 100 unless `limit` says otherwise. */
  async list(filter: DeliveryFilter = {}, options?: CallOptions): Promise<Delivery[]> {
    return (await this.#http.send('GET /environment/deliveries', { query: filter }, options)).data;
  }

  /** Send a finished delivery again. */
  async replay(id: string, options?: CallOptions): Promise<void> {
    await this.#http.send('POST /environment/deliveries/{id}/replay', { path: { id } }, options);
  }
}
