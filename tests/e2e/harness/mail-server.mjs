// A real mail server (`smtp-server`) that wants STARTTLS and a password, and keeps what it was handed.

import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export const USER = 'valetkey@example.com';
/** With signs that a URL has to encode. */
export const PASSWORD = 'p@ss:word/1';
const MAIL_BYTES_MAX = 1_000_000;

/** Start it with a certificate for `localhost`. `refuse` answers the SMTP status for a recipient. */
export async function startMailServer({ key, cert }) {
  const mails = [];
  const logins = [];
  const mail = { mails, logins, refuse: () => undefined };
  const server = new SMTPServer({
    key,
    cert,
    size: MAIL_BYTES_MAX,
    authMethods: ['PLAIN', 'LOGIN'],
    onAuth({ username, password }, session, done) {
      logins.push({ username, secure: session.secure });
      const isRight = session.secure && username === USER && password === PASSWORD;
      return isRight ? done(null, { user: username }) : done(new Error('Wrong user or password'));
    },
    onRcptTo({ address }, session, done) {
      const status = mail.refuse(address);
      return status ? done(Object.assign(new Error(`No mail for ${address}`), { responseCode: status })) : done();
    },
    onData(stream, session, done) {
      simpleParser(stream).then((parsed) => {
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), parsed });
        done(null, 'taken as number 7');
      }, done);
    },
  });
  // A client that goes away during the handshake is what a test wants to see, not a crash.
  server.on('error', () => {});
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const login = `${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}`;
  return Object.assign(mail, {
    url: `smtp://${login}@localhost:${server.server.address().port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  });
}
