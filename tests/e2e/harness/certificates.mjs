// Certificates for one run: an authority, and what it signed. Nobody keeps the keys.

import forge from 'node-forge';

const YEAR_MS = 365 * 24 * 3600 * 1000;
let serial = 1;

function make(name, issuer, extensions) {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = String(serial++).padStart(2, '0');
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + YEAR_MS);
  const subject = [{ name: 'commonName', value: name }];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer ? issuer.certificate.subject.attributes : subject);
  certificate.setExtensions(extensions);
  certificate.sign(issuer ? issuer.keys.privateKey : keys.privateKey, forge.md.sha256.create());
  return {
    certificate,
    keys,
    cert: forge.pki.certificateToPem(certificate),
    key: forge.pki.privateKeyToPem(keys.privateKey),
  };
}

/** An authority of its own. */
export const authority = (name) =>
  make(name, null, [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }]);

/** A server's certificate for `localhost`. */
export const serverCertificate = (issuer) =>
  make('localhost', issuer, [
    { name: 'basicConstraints', cA: false },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }, { type: 7, ip: '127.0.0.1' }] },
  ]);

/** A client's certificate. */
export const clientCertificate = (issuer, name) =>
  make(name, issuer, [
    { name: 'basicConstraints', cA: false },
    { name: 'extKeyUsage', clientAuth: true },
  ]);
