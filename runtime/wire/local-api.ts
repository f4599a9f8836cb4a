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
 *
 * For the command line:
 *
 *   GET  /v1/objects?kind= {@link LocalObjects}: the objects of one of the {@link LOCAL_KINDS}, also with `&namespace=`
 *   GET  /v1/problems      {@link LocalProblems}: the current problems
 *   GET  /v1/log?namespace=&pod=&container=
 *                          text/plain: the last lines of a container, `&tail=N` of them; with `&follow=true` also
 *                          further lines until the pod is gone; 404 if there is no such container
 *   POST /v1/patches       a {@link LocalPatch}: changes or hides an object until its manifest changes or the cluster
 *                          stops; 404 if the object does not exist
 */

/** The kinds that the API lists. It shows no Secret and no ConfigMap. */
export const LOCAL_KINDS = [
  'Namespace',
  'Environment',
  'Preview',
  'Service',
  'EndpointSlice',
  'Pod',
  'Deployment',
  'StatefulSet',
] as const
export type LocalKind = (typeof LOCAL_KINDS)[number]

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
      /** Whether it ends by itself, so that nothing waits for it to be ready. */
      ends: z.boolean().optional(),
      containers: z.array(z.object({ name: z.string(), pid: z.number().optional(), restarts: z.number() })),
    }),
  ),
})
export type LocalState = z.infer<typeof localState>

export const localObjects = z.object({ items: z.array(kubernetesObject) })
export type LocalObjects = z.infer<typeof localObjects>

/** Problems as lines such as `shop/api.yaml:12: Deployment alice/api: spec.replicas is "three": wanted a number`. */
export const localProblems = z.object({
  problems: z.array(z.object({ severity: z.enum(['error', 'warning']), text: z.string() })),
})
export type LocalProblems = z.infer<typeof localProblems>

export const localPatch = z.object({
  kind: z.enum(LOCAL_KINDS),
  /** Absent for a Namespace. */
  namespace: z.string().optional(),
  name: z.string(),
  /** A JSON Merge Patch (RFC 7396). `null` hides the object, and with a Namespace everything in it. */
  patch: z.record(z.string(), z.unknown()).nullable(),
})
export type LocalPatch = z.infer<typeof localPatch>

/** What a running embedded cluster tells about itself in `run.json`, next to its socket `api.sock`. */
export const localRun = z.object({
  pid: z.number(),
  /** The absolute path of the folder of manifests. */
  folder: z.string(),
  /** The published ports of 127.0.0.1. */
  ports: z.array(z.number()),
  startedAt: z.string(),
})
export type LocalRun = z.infer<typeof localRun>
