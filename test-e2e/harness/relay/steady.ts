import http from 'node:http'
import type { Visitors } from './visitors.ts'

/** A request that failed, or that got something other than a 200. */
interface Failed {
  readonly host: string
  readonly reason: string
}

/** Requests that go on while a test kills processes. */
export interface Steady {
  /** Requests that have ended, by the address of the worker. */
  count(host?: string): number
  readonly failures: readonly Failed[]
  /** Resolves when this many further requests of a worker have ended. */
  further(count: number, host: string): Promise<void>
  stop(): Promise<void>
}

/** Requests a label from each worker over some kept connections each, without a pause. */
export function startSteady(visitors: Visitors, label: string, hosts: readonly string[], each = 2): Steady {
  const counts = new Map<string, number>()
  const failures: Failed[] = []
  const waiting = new Set<{ host: string; until: number; resolve: () => void }>()
  const state = { running: true }
  const count = (host: string): number => counts.get(host) ?? 0
  const connection = async (host: string): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    while (state.running) {
      const reason = await visitors.get(label, { worker: host, agent }).then(
        ({ status }) => (status === 200 ? undefined : `status ${status}`),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      )
      if (reason !== undefined) {
        failures.push({ host, reason })
        // Otherwise the refusals of a dead worker take the time that the others need.
        await new Promise((resolve) => setTimeout(resolve, REFUSED_MS))
      }
      counts.set(host, count(host) + 1)
      for (const wait of waiting) {
        if (wait.host !== host || count(host) < wait.until) continue
        waiting.delete(wait)
        wait.resolve()
      }
    }
    agent.destroy()
  }
  const all = Promise.all(hosts.flatMap((host) => Array.from({ length: each }, () => connection(host))))
  return {
    count: (host) => (host === undefined ? [...counts.values()].reduce((a, b) => a + b, 0) : count(host)),
    failures,
    further: (further, host) =>
      new Promise((resolve) => waiting.add({ host, until: count(host) + further, resolve })),
    async stop() {
      state.running = false
      await all
    },
  }
}

const REFUSED_MS = 20
