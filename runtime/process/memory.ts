import { totalmem } from 'node:os'

const MIB = 1024 * 1024
/** Which part of a container's memory may go to bytes that clients make a process keep. */
const SHARE = 1 / 8
const LEAST_BYTES = 8 * MIB
const MOST_BYTES = 1024 * MIB
/** Where nothing limits the process. */
const UNLIMITED_BYTES = 64 * MIB

/**
 * The bytes of clients that a process may keep, out of its container's limit of memory: an eighth, since each such
 * byte costs two or three until V8 has collected it, and the process itself, its connections and its tunnels need the
 * rest. From 8 MiB to 1 GiB; 64 MiB where there is no limit. `limitBytes` is 0, or more than the machine has, then.
 */
export function keptBytesFor(limitBytes: number, machineBytes: number): number {
  if (limitBytes <= 0 || limitBytes >= machineBytes) return UNLIMITED_BYTES
  return Math.min(MOST_BYTES, Math.max(LEAST_BYTES, Math.floor(limitBytes * SHARE)))
}

/** {@link keptBytesFor} the container of this process (its memory cgroup). */
export const keptBytesHere = (): number => keptBytesFor(process.constrainedMemory(), totalmem())
