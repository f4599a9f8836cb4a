import type { Sent } from '@branchline/wire/circuits/operations'
import { ProblemError } from '@branchline/wire/circuits/problem'
import type { App } from './apps.ts'

/** A circuit as a client registers it. */
export type CircuitCreate = Sent<'createCircuit', 'body'>

/** A public circuit of a subdomain with the label of its key. Its targets are `a`, `b` and `c`. */
export const webCircuit = (
  key: string,
  apps: readonly App[],
  more: Partial<CircuitCreate> = {},
): CircuitCreate => ({
  key,
  frontend: { type: 'subdomain', label: key },
  access: { type: 'public' },
  targets: apps.map(({ address }, index) => ({ id: 'abc'[index] as string, address })),
  ...more,
})

/** A public circuit of a port, for raw TCP. */
export const portCircuit = (key: string, { address }: App, port?: number): CircuitCreate => ({
  key,
  frontend: { type: 'port', ...(port !== undefined && { port }) },
  backend: 'tcp',
  access: { type: 'public' },
  targets: [{ address }],
})

/** The status of a call that the API refuses. Rejects if it does not. */
export async function refusal(call: Promise<unknown>): Promise<number> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof ProblemError) return error.status
  throw new Error('the API has not refused', { cause: error })
}
