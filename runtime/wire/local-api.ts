import { z } from 'zod'
import { kubernetesObject, type ObjectEvent } from './kubernetes.ts'

/**
 * The API that the embedded cluster serves to the manager: HTTP/1.1 over a Unix socket, whose path is in
 * BRANCHLINE_LOCAL_API (`env.ts`) in every pod of the platform's namespace. The API carries objects of the Kubernetes API in
 * their usual form (Namespace, Environment, Preview, Service, EndpointSlice, Pod). It is not a Kubernetes API: it has
 * no verbs, versions or selectors.
 *
 *   GET  /v1/watch         application/x-ndjson, one {@link LocalEvent} per line: an ADDED for each object,
 *                          one SYNCED, then changes until the connection closes
 *   PUT  /v1/status        a {@link LocalStatus}: replaces an object's status; 404 if the object does not exist
 *   POST /v1/tokenreviews  a {@link LocalTokenReview}: returns the pod of a token; 401 if no pod has the token
 *   GET  /v1/state         a {@link LocalState}: the pods and their processes, for people and tests
 */

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

/** The pod that a token belongs to. */
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
