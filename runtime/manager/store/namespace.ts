import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { z } from 'zod'

const namespace = z.object({
  metadata: z.object({ deletionTimestamp: z.string().nullish() }),
  status: z.object({ phase: z.string().nullish() }).nullish(),
})

/** Whether a Namespace is being deleted. False for an invalid one, so that no environment loses its routes. */
export function isTerminating(object: KubernetesObject): boolean {
  const { data } = namespace.safeParse(object)
  return (data?.metadata.deletionTimestamp ?? '') !== '' || data?.status?.phase === 'Terminating'
}
