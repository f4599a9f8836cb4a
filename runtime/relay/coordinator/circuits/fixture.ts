import { expect } from 'vitest'
import { circuitCreate, type CircuitCreate } from '@branchline/wire/circuits/circuit'
import { ProblemError } from '@branchline/wire/circuits/problem'
import type { Caller } from './caller.ts'
import type { CircuitContext } from './context.ts'
import { DialPolicy } from '../../dial-policy.ts'
import type { Store } from '../store/store.ts'

/** A coordinator's context on a test's store. Loopback targets are allowed. */
export const testContext = (store: Store): CircuitContext => ({
  store,
  domain: 'localhost',
  publicUrl: new URL('http://localhost:8080'),
  dialPolicy: new DialPolicy(['127.0.0.0/8']),
})

/** Adds an API key, and returns its holder. */
export async function addCaller(store: Store, scopes: Caller['scopes'] = ['admin']): Promise<Caller> {
  const hash = [...crypto.getRandomValues(new Uint8Array(32))].map((byte) =>
    byte.toString(16).padStart(2, '0'),
  )
  const { id } = await store.write((tx) =>
    tx
      .insertInto('api_keys')
      .values({ name: 'test', prefix: 'blk_test', hash: hash.join(''), scopes: [...scopes] })
      .returning('id')
      .executeTakeFirstOrThrow(),
  )
  return { keyId: id, scopes }
}

/** Adds a connected worker of the default group, and returns its id. */
export async function addWorker(store: Store, name: string): Promise<string> {
  const { id } = await store.write((tx) =>
    tx
      .insertInto('workers')
      .values({
        name,
        worker_group: 'default',
        credential_hash: Buffer.from(name.padEnd(32, '0').slice(0, 32)).toString('hex'),
        state: 'ready',
        last_heartbeat_at: new Date(),
      })
      .returning('id')
      .executeTakeFirstOrThrow(),
  )
  return id
}

/** Gives the default group a range of ports. */
export async function setPorts(store: Store, from: number, to: number): Promise<void> {
  await store.write((tx) => tx.updateTable('worker_groups').set({ port_from: from, port_to: to }).execute())
}

/** A subdomain circuit with one target. */
export const subdomain = (key: string, more: object = {}): CircuitCreate =>
  circuitCreate.parse({
    key,
    frontend: { type: 'subdomain' },
    targets: [{ id: 'a', address: '127.0.0.1:8888' }],
    ...more,
  })

/** A port circuit without targets. */
export const port = (key: string, more: object = {}): CircuitCreate =>
  circuitCreate.parse({ key, frontend: { type: 'port' }, backend: 'tcp', ...more })

/** Returns the refusal with which a call rejects. */
export async function refused(call: Promise<unknown>): Promise<ProblemError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ProblemError)
  return error as ProblemError
}
