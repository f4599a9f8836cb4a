import { get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as secure } from 'node:tls'
import type { Container, Probe } from '../kubernetes.ts'
import type { Dial } from '../network/dial.ts'

/** The target of a probe, and how to run its command. */
export interface ProbeTarget {
  readonly ip: string
  /** Connects to a port of the pod. */
  readonly dial: Dial
  readonly ports: Container['ports']
  /** Runs a command in the container. Resolves to why it failed, or undefined. */
  readonly exec: (command: readonly string[], timeoutMs: number) => Promise<string | undefined>
}

/** Probes once. Resolves to why it failed, or undefined if it succeeded (Kubernetes: 200 to 399). */
export async function probeOnce(probe: Probe, target: ProbeTarget): Promise<string | undefined> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  if (probe.exec !== undefined) return target.exec(probe.exec.command, timeoutMs)
  if (probe.tcpSocket !== undefined) {
    const { host, port } = probe.tcpSocket
    return probeTcp(target.dial, host ?? target.ip, portNumber(port, target.ports), timeoutMs)
  }
  if (probe.httpGet !== undefined) return probeHttp(probe.httpGet, target, timeoutMs)
  return undefined
}

/** The number of a port, given by number or by its name in the container. NaN if there is none. */
function portNumber(port: number | string, ports: Container['ports']): number {
  if (typeof port === 'number') return port
  return ports?.find(({ name }) => name === port)?.containerPort ?? Number(port)
}

/** Checks whether a port accepts connections. Resolves to why not, or undefined. */
async function probeTcp(
  dial: Dial,
  host: string,
  port: number,
  timeoutMs: number,
): Promise<string | undefined> {
  if (!(port >= 1 && port <= 65535)) return `the container has no port of that name`
  try {
    const socket = await dial({ host, port }, timeoutMs)
    socket.destroy()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

type HttpGet = NonNullable<Probe['httpGet']>

function probeHttp(probe: HttpGet, target: ProbeTarget, timeoutMs: number): Promise<string | undefined> {
  const port = portNumber(probe.port, target.ports)
  if (Number.isNaN(port)) return Promise.resolve(`port ${probe.port} is not a port of the container`)
  const headers: Record<string, string> = { connection: 'close' }
  for (const { name, value } of probe.httpHeaders ?? []) headers[name] = value
  const host = probe.host ?? target.ip
  const createConnection = connector(target.dial, { host, port }, probe.scheme === 'HTTPS', timeoutMs)
  const options = { host, port, path: probe.path ?? '/', headers, createConnection }
  return new Promise((resolve) => {
    // Kubernetes does not verify certificates in probes either.
    const request = (probe.scheme === 'HTTPS' ? httpsGet : httpGet)(
      { ...options, rejectUnauthorized: false },
      (response) => {
        const status = response.statusCode ?? 0
        response.destroy()
        resolve(status >= 200 && status < 400 ? undefined : `it responded with ${status}`)
      },
    )
    const timer = setTimeout(() => {
      resolve(`it did not respond within ${timeoutMs} ms`)
      request.destroy()
    }, timeoutMs)
    request.once('close', () => clearTimeout(timer))
    request.once('error', (error) => resolve(error.message))
  })
}

/** Connects like Node's own agents, by a dial. */
function connector(
  dial: Dial,
  endpoint: { host: string; port: number },
  isSecure: boolean,
  timeoutMs: number,
) {
  return (_options: object, connected: (error: Error | null, socket: Socket) => void): undefined => {
    dial(endpoint, timeoutMs).then(
      (socket) => connected(null, isSecure ? secure({ socket, rejectUnauthorized: false }) : socket),
      (error: Error) => connected(error, undefined as never),
    )
  }
}

/** The period of a probe that has not succeeded yet, in milliseconds, so that starts are fast. */
const EAGER_MS = 100

export interface ProbeLoopOptions {
  readonly probe: Probe
  readonly target: ProbeTarget
  readonly signal: AbortSignal
  /** Called when the result changes, by the probe's thresholds. */
  readonly onChange: (passing: boolean, reason: string | undefined) => void
  /** Called with every result that counts for the thresholds: why it failed, or undefined. */
  readonly onResult?: (reason: string | undefined) => void
}

/**
 * Probes until the signal aborts, with Kubernetes' defaults (every 10 s, 3 failures, 1 success). Before its first
 * success it probes more often, and counts as failed once it has failed for as long as Kubernetes would have waited.
 */
export async function probeLoop(options: ProbeLoopOptions): Promise<void> {
  const { probe, target, signal, onChange, onResult } = options
  const periodMs = (probe.periodSeconds ?? 10) * 1000
  const failures = probe.failureThreshold ?? 3
  const failMs = periodMs * failures
  let verdict: boolean | undefined
  let succeeded = 0
  let failed = 0
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal)
  const startedAt = performance.now()
  while (!signal.aborted) {
    const reason = await probeOnce(probe, target)
    if (signal.aborted) return
    onResult?.(reason)
    succeeded = reason === undefined ? succeeded + 1 : 0
    failed = reason === undefined ? 0 : failed + 1
    const early = verdict === undefined
    if (verdict !== true && succeeded >= (probe.successThreshold ?? 1)) onChange((verdict = true), undefined)
    const over = early ? performance.now() - startedAt >= failMs : failed >= failures
    if (verdict !== false && reason !== undefined && over) onChange((verdict = false), reason)
    await pause(verdict === true ? periodMs : Math.min(EAGER_MS, periodMs), signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined)
}
