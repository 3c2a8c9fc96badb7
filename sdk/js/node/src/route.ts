// Types of one operation of the API, looked up by its route.

import type { paths } from './openapi.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
type Path = keyof paths & string;

/** Method and path of an operation, such as `GET /connections/{connectionId}`. */
export type Route = {
  [P in Path]: { [M in Method]: paths[P] extends Record<Lowercase<M>, object> ? `${M} ${P}` : never }[Method];
}[Path];

type Operation<R extends Route> = R extends `${infer M} ${infer P extends Path}`
  ? paths[P][Lowercase<M> & keyof paths[P]]
  : never;

type PathInput<O> = O extends { parameters: { path: infer P extends object } } ? { path: P } : { path?: never };

type QueryOf<O> = O extends { parameters: { query: infer Q extends object } }
  ? { query: Q }
  : O extends { parameters: { query?: infer Q } }
    ? [NonNullable<Q>] extends [never]
      ? { query?: Record<string, string> }
      : { query?: NonNullable<Q> }
    : never;

type BodyOf<O> = O extends { requestBody: { content: { 'application/json': infer B } } }
  ? { body: B }
  : { body?: unknown };

/** What a route takes. A few older routes do not describe their query or body; those take anything. */
export type Input<R extends Route> = PathInput<Operation<R>> & QueryOf<Operation<R>> & BodyOf<Operation<R>>;

/** The query parameters a route takes. */
export type Query<R extends Route> = NonNullable<Input<R>['query']>;

/** The body a route takes. */
export type Body<R extends Route> = Input<R>['body'];

type Success<O> = O extends { responses: infer S } ? S[keyof S & (200 | 201)] : never;

/** What a route answers when it succeeds. */
export type Reply<R extends Route> =
  Success<Operation<R>> extends { content: { 'application/json': infer J } } ? J : unknown;
