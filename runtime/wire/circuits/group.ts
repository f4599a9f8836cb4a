import { z } from 'zod'
import { instant, shortId } from './fields.ts'

const portNumber = z.int().min(1).max(65535)

/** Ports that a group of workers gives to port circuits. */
export const portRange = z
  .strictObject({ from: portNumber, to: portNumber })
  .refine(({ from, to }) => from <= to, 'from is at most to')
export type PortRange = z.infer<typeof portRange>

/** A group of workers: all of them serve the same circuits. */
export const workerGroup = z.object({
  name: shortId,
  ports: portRange.optional().describe('Range of ports for port circuits. Absent: none.'),
  createdAt: instant,
  updatedAt: instant,
})
export type WorkerGroup = z.infer<typeof workerGroup>

export const workerGroupPut = z.strictObject({ ports: portRange.optional() })

export const freePorts = z.object({
  ports: portRange.optional(),
  used: z.int().describe('Ports of the range that circuits have.'),
  free: z.int(),
  next: z.array(z.int()).describe('The first free ports, at most 100.'),
})
