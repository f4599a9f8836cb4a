/**
 * The relay names further workers by URL, and each link to one sends the manager's credential. A relay that the manager
 * reaches over TLS named the addresses of its pods with ws://, so the credential left the TLS connection.
 */
import { expect, test } from 'vitest'
import { followable } from './worker-links.ts'

const PLAIN = 'ws://10.0.0.7:25090'

test('a manager that reaches its relay over TLS follows it only to workers with TLS', () => {
  const own = 'wss://relay.example.com/tunnel'
  expect(followable([PLAIN, 'wss://two.example.com:25090', own], own)).toEqual([
    'wss://two.example.com:25090/tunnel',
  ])
})

test('a manager that reaches its relay without TLS follows it to every worker but its own', () => {
  const own = 'ws://relay:25090/tunnel'
  expect(followable([PLAIN, own], own)).toEqual([`${PLAIN}/tunnel`])
})
