import type { webcrypto } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { callbackify } from 'node:util'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { EC_P256, newKeys, newSerialNumber, pemOf } from '../../../authority/keys.ts'
import { later } from '../../../testing/cleanups.ts'
import { listenOn } from '../../../testing/ports.ts'
import type { PemPair } from './certificate.ts'
import type { Certificates } from './certificates.ts'

/** Returns a new folder. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-certificates-'))
  later(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const DAY_MS = 86_400_000

/** Who issues a certificate of a test. */
export interface TestIssuer extends PemPair {
  readonly keys: webcrypto.CryptoKeyPair
  readonly subject: string
}

let shared: Promise<webcrypto.CryptoKeyPair> | undefined

/** Makes a certificate, self-signed unless an issuer is given. `from` and `until` are days from now. */
export async function makeCertificate(
  names: readonly string[],
  options: {
    from?: number
    until?: number
    issuer?: TestIssuer
    ca?: boolean
    keys?: webcrypto.CryptoKeyPair
    subject?: string
  } = {},
): Promise<TestIssuer> {
  const {
    from = -1,
    until = 90,
    issuer,
    ca = false,
    subject = `CN=${names[0] ?? 'no name'} ${newSerialNumber().slice(0, 6)}`,
  } = options
  shared ??= newKeys()
  const keys = options.keys ?? (await shared)
  const san = names.map((value) => ({ type: 'dns' as const, value }))
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: new Date(Date.now() + from * DAY_MS),
    notAfter: new Date(Date.now() + until * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: EC_P256,
    extensions: [
      new BasicConstraintsExtension(ca, undefined, true),
      ...(san.length > 0 ? [new SubjectAlternativeNameExtension(san)] : []),
    ],
  })
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`
  return { cert: pemOf(certificate), key, keys, subject }
}

/** Writes name.crt and name.key. */
export async function writePair(folder: string, name: string, { cert, key }: PemPair): Promise<void> {
  await writeFile(join(folder, `${name}.crt`), cert)
  await writeFile(join(folder, `${name}.key`), key)
}

/** A server that presents certificates, and sends back what it receives. */
export async function serveTls(certificates: Pick<Certificates, 'secureContextFor'>): Promise<number> {
  const server = tls.createServer({
    SNICallback: callbackify(async (name: string) => await certificates.secureContextFor(name)),
  })
  const sockets = new Set<tls.TLSSocket>()
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.on('tlsClientError', () => {})
  later(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return await listenOn(server)
}

/** Connects without any check, and returns the connection. */
export async function connect(port: number, servername: string): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
  socket.on('error', () => {})
  later(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Returns the names of the certificate that is presented for a host. */
export async function presented(port: number, servername: string): Promise<string | undefined> {
  const socket = await connect(port, servername)
  const names = socket.getPeerCertificate().subjectaltname
  socket.destroy()
  return names
}

/** A logger that collects what it gets. */
export function collectingLogger() {
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = []
  const add =
    (level: string) =>
    (fields: Record<string, unknown>, message: string): void =>
      void lines.push({ level, message, fields })
  return {
    lines,
    logger: { info: add('info'), warn: add('warn'), error: add('error'), debug: add('debug') } as never,
  }
}
