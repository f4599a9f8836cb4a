import { z } from 'zod'
import { instant } from './fields.ts'

/** A cluster that has connected through a tunnel. */
export const cluster = z.object({
  credential: z.string().describe('Name of the credential with which the cluster connects.'),
  name: z.string(),
  firstSeenAt: instant,
  lastSeenAt: instant,
  workers: z.array(z.string()).describe('Ids of the workers to which the cluster has a tunnel now.'),
})
export type Cluster = z.infer<typeof cluster>
