// Which method calls which operation of the API. A new operation fails the tests until it is here.

import fs from 'node:fs';

import { DESCRIPTION } from '../../scripts/openapi-types.mjs';

/** Operations that an API key can call, and those about the server itself, with their methods. */
export const METHODS = {
  'POST /connect/sessions': 'connectSessions.create',
  'POST /connect/sessions/reconnect': 'connectSessions.reconnect',
  'GET /connections': 'connections.list',
  'POST /connections': 'connections.import',
  'POST /connection': 'connections.importFlat',
  'GET /connections/{connectionId}': 'connections.get',
  'PATCH /connections/{connectionId}': 'connections.update',
  'DELETE /connections/{connectionId}': 'connections.delete',
  'POST /connections/metadata': 'connections.setMetadata',
  'PATCH /connections/metadata': 'connections.updateMetadata',
  'POST /connection/{connectionId}/metadata': 'connections.setMetadataOfOne',
  'PATCH /connection/{connectionId}/metadata': 'connections.updateMetadataOfOne',
  'GET /integrations': 'integrations.list',
  'POST /integrations': 'integrations.create',
  'POST /integrations/quickstart': 'integrations.createShared',
  'GET /integrations/{uniqueKey}': 'integrations.get',
  'PATCH /integrations/{uniqueKey}': 'integrations.update',
  'DELETE /integrations/{uniqueKey}': 'integrations.delete',
  'GET /integrations/{uniqueKey}/functions': 'functions.list',
  'GET /integrations/{uniqueKey}/functions/{name}': 'functions.get',
  'DELETE /integrations/{uniqueKey}/functions/{name}': 'functions.delete',
  'GET /integrations/{uniqueKey}/functions/{name}/code': 'functions.code',
  'GET /scripts/config': 'functions.config',
  'GET /providers': 'providers.list',
  'GET /providers/{provider}': 'providers.get',
  'GET /providers/{provider}/templates': 'providers.templates',
  'GET /providers.json': 'providers.catalogue',
  'GET /environment-variables': 'variables.list',
  'POST /environments': 'environments.create',
  'DELETE /environments/{environmentId}': 'environments.delete',
  'POST /environment/webhook-signing-key/rotate': 'signingKey.rotate',
  'POST /environment/api-keys': 'keys.create',
  'DELETE /environment/api-keys': 'keys.delete',
  'GET /installs': 'installs.list',
  'GET /installs/{installId}': 'installs.get',
  'POST /installs/exchange': 'installs.exchange',
  'POST /installs/{installId}/claim': 'installs.claim',
  'DELETE /installs/{installId}': 'installs.dismiss',
  'POST /environment/proxy-keys': 'proxyKeys.create',
  'GET /environment/proxy-keys': 'proxyKeys.list',
  'DELETE /environment/proxy-keys/{id}': 'proxyKeys.delete',
  'GET /environment/events': 'events.list',
  'GET /environment/deliveries': 'deliveries.list',
  'POST /environment/deliveries/{id}/replay': 'deliveries.replay',
  'GET /logs/operations': 'logs.list',
  'GET /logs/operations/{id}': 'logs.get',
  'GET /health': 'health.check',
  'GET /ready': 'health.ready',
};

/** Operations without a method, because no backend calls them. */
const FOR_OTHERS = {
  'POST /connect/telemetry': 'the Connect UI',
  'GET /images/template-logos/{file}': 'pages, as the address of a picture',
  'GET /oauth/client-metadata/{environmentUuid}/{providerConfigKey}': 'authorization servers',
  'GET /connect/result/{clientId}': 'browsers',
  'GET /webhook/{environmentUuid}/{providerConfigKey}': 'providers',
  'POST /webhook/{environmentUuid}/{providerConfigKey}': 'providers',
};

/** What the API's description lists, without what only browsers with a session can call. */
export function documentedOperations() {
  const { paths } = JSON.parse(fs.readFileSync(DESCRIPTION, 'utf8'));
  const all = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { security = [] }]) => ({ route: `${method.toUpperCase()} ${path}`, security })),
  );
  const forBackends = ({ route, security }) =>
    security.length === 0 ? !(route in FOR_OTHERS) : security.some((way) => 'apiKey' in way);
  return all.filter(forBackends).map(({ route }) => route);
}

/** The operation that a request is for; fixed words in a path win over parameters. */
export function operationOf(method, pathname) {
  const parts = pathname.split('/');
  const fits = (template) => {
    const wanted = template.split('/');
    return wanted.length === parts.length && wanted.every((part, index) => part.startsWith('{') || part === parts[index]);
  };
  const found = Object.keys(METHODS).filter((route) => {
    const [verb, template] = route.split(' ');
    return verb === method && fits(template);
  });
  return found.sort((one, other) => one.split('{').length - other.split('{').length)[0];
}
