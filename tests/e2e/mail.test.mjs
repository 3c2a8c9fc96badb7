// Alerts by e-mail, through a real mail server that wants STARTTLS and a password: what arrives, what
// is said when it is refused, and that nothing is sent to a server that nobody vouches for.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { authority, serverCertificate } from './harness/certificates.mjs';
import { PASSWORD, startMailServer, USER } from './harness/mail-server.mjs';
import { openStage } from './harness/stage.mjs';
import { until } from './harness/waiting.mjs';

const OAUTH = 'e2e-oauth';
const REFRESH_TOKEN = 'refresh-token-that-was-never-issued';

let folder;
let certificate;
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-mail-'));
  const trusted = authority('e2e authority');
  certificate = serverCertificate(trusted);
  fs.writeFileSync(path.join(folder, 'authority.pem'), trusted.cert);
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

async function withMail(env, work) {
  const mail = await startMailServer(certificate);
  let stage;
  try {
    const settings = { VALETKEY_SMTP_URL: mail.url, VALETKEY_SMTP_FROM: `Valetkey <${USER}>` };
    stage = await openStage({ engine: 'sqlite', env: { ...settings, ...env } });
    await stage.integrate(OAUTH);
    await work(stage, mail);
    for (const { log } of stage.servers) assert.ok(!log.includes(PASSWORD) && !log.includes(encodeURIComponent(PASSWORD)));
  } finally {
    await stage?.close();
    await mail.close();
  }
}

/** A connection that the provider no longer knows. Who looks for trouble looks at the start. */
async function breakOne(stage, connection_id) {
  const credentials = { type: 'OAUTH2', access_token: 'a', refresh_token: REFRESH_TOKEN, expires_at: '2020-01-01T00:00:00Z' };
  await stage.expect(201, 'POST', '/connections', { provider_config_key: OAUTH, connection_id, credentials });
  await stage.expect(400, 'GET', `/connections/${connection_id}?provider_config_key=${OAUTH}`);
  await stage.servers[0].stop();
  await stage.start();
}

const deliveries = async (stage) => (await stage.expect(200, 'GET', '/environment/deliveries')).data;

test('everybody on the list gets a mail that says what failed and where to look', () =>
  withMail({ SSL_CERT_FILE: path.join(folder, 'authority.pem') }, async (stage, mail) => {
    mail.refuse = (address) => (address.startsWith('left') ? 550 : undefined);
    await stage.setEnvironment({ alert_emails: 'ada@example.com,left@example.com,bob@example.com' });
    await breakOne(stage, 'customer-1');
    await until('two mails', () => mail.mails.length === 2);
    assert.deepEqual(mail.mails.flatMap(({ to }) => to).sort(), ['ada@example.com', 'bob@example.com']);
    assert.ok(mail.logins.length > 0 && mail.logins.every(({ username, secure }) => secure && username === USER));

    const page = `${stage.publicUrl}/dashboard/dev/connections/${OAUTH}/customer-1`;
    for (const { parsed, to } of mail.mails) {
      assert.equal(parsed.from.text, `"Valetkey" <${USER}>`);
      assert.equal(parsed.to.text, to[0], 'nobody sees who else is told');
      assert.equal(parsed.subject, `Valetkey, dev: 1 connection of ${OAUTH} fails`);
      assert.equal(parsed.headers.get('auto-submitted'), 'auto-generated');
      assert.match(parsed.text, /customer-1/);
      assert.ok(parsed.text.includes(page) && parsed.html.includes(`href="${page}"`), parsed.text);
      assert.ok(!parsed.text.includes(REFRESH_TOKEN) && !parsed.html.includes(REFRESH_TOKEN));
    }
    assert.equal(new Set(mail.mails.map(({ parsed }) => parsed.messageId)).size, 1, 'it is one event');

    const refused = await until('the refusal is written down', async () =>
      (await deliveries(stage)).find(({ url, state }) => url === 'mailto:left@example.com' && state === 'dead'));
    assert.match(refused.last_error, /No mail for left@example\.com/);
    mail.refuse = () => undefined;
    await stage.expect(200, 'POST', `/environment/deliveries/${refused.id}/replay`);
    await until('it is sent again', () => mail.mails.length === 3);
    const states = () => deliveries(stage).then((all) => all.every(({ state }) => state === 'delivered'));
    await until('all are delivered', states);
  }));

test('what is refused in passing is tried again', () =>
  withMail({ SSL_CERT_FILE: path.join(folder, 'authority.pem') }, async (stage, mail) => {
    mail.refuse = () => 451;
    await stage.setEnvironment({ alert_emails: 'ada@example.com' });
    await breakOne(stage, 'customer-1');
    const waiting = await until('the first try', async () => (await deliveries(stage)).find(({ attempts }) => attempts === 1));
    assert.equal(waiting.state, 'pending');
    assert.match(waiting.last_error, /No mail for ada@example\.com/);
    assert.ok(Date.parse(waiting.next_attempt_at) > Date.now() - 60_000);
  }));

test('a mail server that nobody vouches for gets neither the password nor a mail', () =>
  withMail({}, async (stage, mail) => {
    await stage.setEnvironment({ alert_emails: 'ada@example.com' });
    await breakOne(stage, 'customer-1');
    const failed = await until('the first try', async () => (await deliveries(stage)).find(({ attempts }) => attempts === 1));
    assert.match(failed.last_error, /certificate|UnknownIssuer/i);
    assert.deepEqual([mail.logins, mail.mails], [[], []]);
  }));
