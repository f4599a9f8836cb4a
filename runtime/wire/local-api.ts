import { z } from 'zod'
import { kubernetesObject, type ObjectEvent } from './kubernetes.ts'

/**
 * The embedded cluster's API, for the manager that runs on it: HTTP/1.1 over a Unix socket whose path every
 * pod of the platform's namespace gets in {@link LOCAL_API_VARIABLE}. It carries objects of the Kubernetes
 * API as they are there (Namespace, Environment, Preview, Service, EndpointSlice, Pod), and is no Kubernetes
 * API: no verbs, no versions, no selectors.
 *
 *   GET  /v1/watch         application/x-ndjson, one {@link LocalEvent} a line: an ADDED for all that is
 *                          there, one SYNCED, then changes until the connection closes
 *   PUT  /v1/status        a {@link LocalStatus}: replaces an object's status; 404 where there is none
 *   POST /v1/tokenreviews  a {@link LocalTokenReview}: whose token this is; 401 where it is nobody's
 *   GET  /v1/state         a {@link LocalState}: the pods and their processes, for people and tests
 */
export const LOCAL_API_VARIABLE = 'BRANCHLINE_LOCAL_API'

export const localEvent = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED']), object: kubernetesObject }),
  z.object({ type: z.literal('SYNCED') }),
])
export type LocalEvent = ObjectEvent | { readonly type: 'SYNCED' }

export const localStatus = z.object({
  kind: z.enum(['Environment', 'Preview']),
  namespace: z.string(),
  name: z.string(),
  status: z.record(z.string(), z.unknown()),
})
export type LocalStatus = z.infer<typeof localStatus>

export const localTokenReview = z.object({ token: z.string(), audience: z.string() })
export type LocalTokenReview = z.infer<typeof localTokenReview>

/** Whose token it is: a pod's. */
export const localIdentity = z.object({ namespace: z.string(), pod: z.string() })
export type LocalIdentity = z.infer<typeof localIdentity>

/** The running pods, each with its processes. */
export const localState = z.object({
  pods: z.array(
    z.object({
      namespace: z.string(),
      name: z.string(),
      ip: z.string(),
      ready: z.boolean(),
      containers: z.array(z.object({ name: z.string(), pid: z.number().optional(), restarts: z.number() })),
    }),
  ),
})
export type LocalState = z.infer<typeof localState>
