// Calls through the proxy that have to be signed, checked by those who know: AWS's own signer for
// Signature Version 4, oauthlib for OAuth 1 (in oauth1.test.mjs), node:crypto for tokens (here).

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';

import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

import { onEachEngine } from './harness/engines.mjs';
import { SIGNING_KEY } from './harness/http-api.mjs';
import { json, listen } from './harness/listening.mjs';
import { NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';

const AWS = 'e2e-aws';
const ROLE = 'arn:aws:iam::123456789012:role/Reader';
const KEYS = { accessKeyId: 'ASIA0000EXAMPLE', secretAccessKey: 'hush/+secret', sessionToken: 'session/+token==' };

/** An AWS service that keeps what it was asked, and the endpoint that hands out temporary keys. */
async function startService() {
  const calls = [];
  const server = await listen(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.url === '/keys') {
      const expiresAt = Math.floor(Date.now() / 1000) + 1800;
      return json(response, 200, { credentials: { ...KEYS, expiresAt } });
    }
    if (request.url.startsWith('/sts')) {
      const who = { Arn: 'arn:aws:sts::123456789012:assumed-role/Reader/valetkey-1', Account: '123456789012' };
      return json(response, 200, { GetCallerIdentityResponse: { GetCallerIdentityResult: who } });
    }
    calls.push({ ...request, method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks) });
    return json(response, 200, { seen: calls.length });
  });
  return { ...server, calls };
}

/** What AWS's signer says the Authorization header of a request must be. */
async function expected(call, service) {
  const { pathname, searchParams } = new URL(call.url, 'http://x');
  const query = {};
  for (const [name, value] of searchParams) query[name] = [...(query[name] ?? []), value];
  const signed = /SignedHeaders=([^,]+)/.exec(call.headers.authorization)[1].split(';');
  const headers = Object.fromEntries(signed.map((name) => [name, call.headers[name]]));
  delete headers['x-amz-security-token'];
  delete headers['x-amz-date'];
  const signer = new SignatureV4({
    service,
    region: 'eu-west-1',
    credentials: KEYS,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
  });
  const date = call.headers['x-amz-date'].replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const [hostname, port] = call.headers.host.split(':');
  const request = { method: call.method, protocol: 'http:', hostname, port, path: pathname, query, headers, body: call.body };
  const done = await signer.sign(request, { signingDate: new Date(date) });
  return done.headers.authorization;
}

onEachEngine((engine) => {
  let stage;
  let service;
  const connections = {};
  /** Connects as the frontend package does, without a browser. Answers the connection's id. */
  const authorize = async (mode, name, body) => {
    const token = await stage.session(name);
    const target = `/auth/${mode}/${name}?connect_session_token=${token}`;
    return (await stage.expect(200, 'POST', target, body)).connectionId;
  };
  before(async () => {
    service = await startService();
    const providers = {
      [AWS]: {
        extends: 'aws-sigv4',
        display_name: 'E2E AWS',
        sts_url: `${service.url}/sts`,
        integration_config: { stsEndpointUrl: { pattern: '^http' } },
        proxy: { base_url: service.url },
      },
    };
    stage = await openStage({ engine, providers });
    for (const name of ['s3', 'execute-api']) {
      await stage.integrate(AWS, {
        unique_key: name,
        integration_config: {
          service: name,
          defaultRegion: 'eu-west-1',
          stsMode: 'custom',
          stsEndpointUrl: `${service.url}/keys`,
        },
      });
      connections[name] = await authorize('aws-sigv4', name, { role_arn: ROLE });
    }
  });
  after(async () => {
    await stage?.close();
    await service?.close();
  });

  const call = async (name, method, path, { body, headers } = {}) => {
    const before = service.calls.length;
    const answer = await fetch(`${stage.servers[0].url}/proxy${path}`, {
      method,
      body,
      headers: {
        authorization: `Bearer ${stage.key}`,
        'provider-config-key': name,
        'connection-id': connections[name],
        ...headers,
      },
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.equal(service.calls.length, before + 1);
    return service.calls.at(-1);
  };

  for (const name of ['s3', 'execute-api']) {
    test(`${name}: the signature is the one that AWS's own signer makes`, async () => {
      for (const [method, path, more] of [
        ['GET', '/'],
        ['GET', '/a/plain/key?list-type=2&prefix=a%2Fb&empty='],
        ['GET', '/a%20b/%C3%BCml%C3%A4ut/~tilde-_.x?b=2&a=1&a=0&c=x%20y%2B'],
        ['PUT', '/bytes', { body: crypto.randomBytes(70_000) }],
        ['POST', '/', { body: '{"TableName":"t"}', headers: { 'nango-proxy-x-amz-target': 'DynamoDB_20120810.Scan', 'content-type': 'application/x-amz-json-1.0' } }],
        ['DELETE', '/a/key?versionId=abc.DEF_1'],
      ]) {
        const seen = await call(name, method, path, more);
        const what = `${method} ${path}`;
        assert.equal(seen.headers['x-amz-security-token'], KEYS.sessionToken, what);
        assert.equal(seen.headers.authorization, await expected(seen, name), what);
        assert.deepEqual(seen.body, Buffer.from(more?.body ?? ''), what);
      }
    });
  }

  test('JWT: the API accepts the token that the proxy shows', async () => {
    await stage.integrate('e2e-signed');
    const key = { keyId: SIGNING_KEY.id, privateKey: SIGNING_KEY.pem };
    const connectionId = await authorize('jwt', 'e2e-signed', key);
    const node = NODE_SDKS[0].open({ host: stage.servers[0].url, key: stage.key });
    const { data } = await node.get({ providerConfigKey: 'e2e-signed', connectionId, endpoint: '/signed' });
    assert.deepEqual(data, { signed: true });
  });
});
