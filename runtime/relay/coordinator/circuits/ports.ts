import { createHash } from 'node:crypto'
import type { PortRange } from '@branchline/wire/circuits/group'

/** Whether a port is in a range. */
export const isInRange = ({ from, to }: PortRange, port: number): boolean => port >= from && port <= to

/**
 * Returns the port of a circuit: the first free one of the range, beginning at a place that the key determines. So the
 * same key gets the same port whenever it is free, also after the circuit was deleted and created again. Returns
 * undefined if all ports are taken.
 */
export function choosePort(key: string, range: PortRange, taken: ReadonlySet<number>): number | undefined {
  const size = range.to - range.from + 1
  const start = createHash('sha256').update(key).digest().readUInt32BE() % size
  for (let step = 0; step < size; step++) {
    const port = range.from + ((start + step) % size)
    if (!taken.has(port)) return port
  }
  return undefined
}
