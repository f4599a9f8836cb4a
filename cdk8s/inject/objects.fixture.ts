import { injectSidecars, type InjectOptions } from './apply.ts'
import { type Manifest, podTemplateOf, type PodTemplate, serviceSpecOf } from './manifest.ts'

/** A Deployment whose container `app` has the named port `web` 8080, with a changed pod spec. */
export const deployment = (
  name: string,
  spec: Record<string, unknown> = {},
  more: object = {},
): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'alice' },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, ...more },
      spec: {
        containers: [{ name: 'app', image: 'x', ports: [{ name: 'web', containerPort: 8080 }] }],
        ...spec,
      },
    },
  },
})

/** A Service of the pods with the label `app`, whose port 80 leads to the port `web`. */
export const service = (name: string, spec: Record<string, unknown> = {}, app = name): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'alice' },
  spec: { selector: { app }, ports: [{ name: 'http', port: 80, targetPort: 'web' }], ...spec },
})

/** Any other object in the same namespace. */
export const object = (apiVersion: string, kind: string, name: string, more: object): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'alice' },
  ...more,
})

export const OPTIONS = { environment: 'alice', above: ['baseline'] } satisfies InjectOptions

/** The injected manifests. */
export const inject = (manifests: readonly Manifest[], more: Partial<InjectOptions> = {}): Manifest[] =>
  injectSidecars(manifests, { ...OPTIONS, ...more }).manifests

/** The findings as `reason: message`. */
export const findings = (manifests: readonly Manifest[], more: Partial<InjectOptions> = {}): string[] =>
  injectSidecars(manifests, { ...OPTIONS, ...more }).findings.map(
    ({ reason, message }) => `${reason}: ${message}`,
  )

export const template = (manifest: Manifest | undefined): PodTemplate =>
  podTemplateOf(manifest as Manifest) as PodTemplate

export const sidecar = (manifest: Manifest | undefined) =>
  template(manifest).spec?.initContainers?.find(({ name }) => name === 'branchline-sidecar')

/** The targets of a Service's ports. */
export const targets = (manifest: Manifest | undefined) =>
  serviceSpecOf(manifest as Manifest)?.ports?.map(({ targetPort }) => targetPort)
