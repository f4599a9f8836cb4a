import type { KubernetesObject } from '../manifests/object.ts'
import type { NamedEnvironment } from '../network/names.ts'

type Values = Readonly<Record<string, string>>

/** The values of a ConfigMap or a Secret as text, for variables. */
export function valuesOf(object: KubernetesObject | undefined): Values | undefined {
  const files = filesOf(object)
  if (files === undefined) return undefined
  return Object.fromEntries([...files].map(([key, content]) => [key, content.toString('utf8')]))
}

/** The values of a ConfigMap or a Secret as bytes, for files. */
export function filesOf(object: KubernetesObject | undefined): Map<string, Buffer> | undefined {
  if (object === undefined) return undefined
  const isSecret = object.kind === 'Secret'
  const text = (isSecret ? object['stringData'] : object['data']) as Values | undefined
  const encoded = (isSecret ? object['data'] : object['binaryData']) as Values | undefined
  const files = new Map<string, Buffer>()
  for (const [key, value] of Object.entries(encoded ?? {})) files.set(key, Buffer.from(value, 'base64'))
  for (const [key, value] of Object.entries(text ?? {})) files.set(key, Buffer.from(value))
  return files
}

/** The part of an Environment that name resolution needs. */
export function namedEnvironment({ metadata, spec }: KubernetesObject): NamedEnvironment {
  const { base } = (spec ?? {}) as { base?: string }
  const { name, namespace = '' } = metadata
  return base === undefined ? { name, namespace } : { name, namespace, base }
}

/** Namespaces that objects use but that no manifest contains. On a cluster they would exist. */
export function missingNamespaces(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const there = new Set(
    objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
  )
  const used = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))
  return [...used]
    .filter((name) => !there.has(name))
    .map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    }))
}

const MACHINE =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TZ|TMPDIR|.*_HOME|.*_ROOT|SSL_CERT_(?:FILE|DIR))$/

/** The variables of this machine that processes get: only the locations of programs and the locale. */
export function machineVariables(environment: Readonly<Record<string, string | undefined>>): Values {
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && MACHINE.test(name)) variables[name] = value
  }
  return variables
}
