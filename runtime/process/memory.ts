import { totalmem } from 'node:os'

const MIB = 1024 * 1024

/** The resources that clients may use in a process, so that it fits its container. */
export interface ClientMemory {
  /** Bytes of clients that the process may keep (runtime/http1, `keptTotalBytes`). */
  readonly keptTotalBytes: number
  /** Bytes that may wait for peers that do not read (runtime/transport, `unread-bytes.ts`). */
  readonly unreadTotalBytes: number
  /** Client connections at one time. */
  readonly connections: number
}

/** For a process without a memory limit. No container, however large, has more connections by default. */
const UNLIMITED: ClientMemory = {
  keptTotalBytes: 64 * MIB,
  unreadTotalBytes: 64 * MIB,
  connections: 10_000,
}
/** A process without clients: 59 to 73 MB in our images. */
const PROCESS_BYTES = 64 * MIB
/**
 * The share of a container's memory for kept bytes. Each kept byte costs up to two, because V8 and malloc return memory
 * late.
 */
const KEPT_SHARE = 1 / 8
const KEPT_COST = 2
/** The share for bytes that wait for peers that do not read. */
const UNREAD_SHARE = 1 / 16
const KEPT_BYTES = { min: 8 * MIB, max: 1024 * MIB }
/**
 * A connection with a running request: its socket, that of its upstream, and the 4 KiB that it may keep. Measured with
 * 3,413 of them in a sidecar's container: 20 KB of the process and 6 KB of the kernel, which counts as well. An idle
 * connection costs 2.4 KB. The rest is for memory that V8 returns late.
 */
const CONNECTION_BYTES = 32 * 1024
const LEAST_CONNECTIONS = 256

/**
 * Returns the resources of clients for a container with this memory limit. `limitBytes` is 0, or more than the machine
 * has, if there is no limit.
 */
export function clientMemoryFor(limitBytes: number, machineBytes: number): ClientMemory {
  if (limitBytes <= 0 || limitBytes >= machineBytes) return UNLIMITED
  const { min, max } = KEPT_BYTES
  const keptTotalBytes = Math.min(max, Math.max(min, Math.floor(limitBytes * KEPT_SHARE)))
  const unreadTotalBytes = Math.min(max, Math.floor(limitBytes * UNREAD_SHARE))
  const left = limitBytes - PROCESS_BYTES - KEPT_COST * keptTotalBytes - unreadTotalBytes
  const connections = Math.max(LEAST_CONNECTIONS, Math.floor(left / CONNECTION_BYTES))
  return { keptTotalBytes, unreadTotalBytes, connections: Math.min(UNLIMITED.connections, connections) }
}

/** {@link clientMemoryFor} the container of this process (its memory cgroup). */
export const clientMemory = (): ClientMemory => clientMemoryFor(process.constrainedMemory(), totalmem())
