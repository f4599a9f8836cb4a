import { expect, test } from 'vitest'
import { isLocalPeer, loopbackHosts } from './local-peer.ts'

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['::1', '::1', true],
  ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
  ['127.0.0.1', '127.64.1.1', true],
  ['127.0.0.2', '127.0.0.1', false],
  ['127.64.1.2', '127.64.1.1', false],
  ['127.0.0.6', '10.1.2.3', false],
  ['127.0.0.1', '10.1.2.3', false],
  ['10.1.2.3', '10.1.2.3', false],
  ['10.1.2.3', '127.0.0.1', false],
  ['fe80::1', '::1', false],
  [undefined, '127.0.0.1', false],
  ['127.0.0.1', undefined, false],
])('from %s to %s: %s', (remoteAddress, localAddress, isLocal) => {
  expect(isLocalPeer({ remoteAddress, localAddress })).toBe(isLocal)
})

test.each([
  ['10.1.2.3', ['127.0.0.1', '::1']],
  ['fd00::3', ['127.0.0.1', '::1']],
  ['127.64.1.1', []],
  ['::1', []],
  ['0.0.0.0', []],
  ['::', []],
  ['localhost', []],
])('a server on %s also listens on %j', (host, hosts) => {
  expect(loopbackHosts([host])).toEqual(hosts)
})
