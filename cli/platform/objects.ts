import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { effectOf, injectEnvironments } from '@branchline/cdk8s/inject'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import type { ObjectProblem, Transformed } from '@branchline/runtime/local/cluster'
import type { ImageCommand } from '@branchline/runtime/local/pods/command'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { MANAGER_SERVICE } from '@branchline/wire/names'
import { parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import { validateResources } from '@branchline/wire/resources/validate'
import { VARIABLES } from '@branchline/wire/env'

const IMAGE = /(?:^|\/)branchline\/(sidecar|manager|relay)(?:[:@].*)?$/

/**
 * Returns the command that runs one of the platform's images on this machine, in this Node: the bundle next to the
 * bundled command line, otherwise the runtime's source. Returns undefined for other images.
 */
export function platformImage(image: string): ImageCommand | undefined {
  const name = IMAGE.exec(image)?.[1]
  if (name === undefined) return undefined
  // A pod has one loopback address for all of its containers. At 127.0.0.1 and ::1 another pod may listen, or any
  // process of the machine.
  const env = { [VARIABLES.appHost]: '$(POD_IP)' }
  const bundled = join(import.meta.dirname, 'processes', `${name}.js`)
  if (existsSync(bundled)) return { command: [process.execPath, bundled], env }
  const runtime = dirname(createRequire(import.meta.url).resolve('@branchline/runtime/package.json'))
  // A dozen sidecars start together. The cache lets them, and the next run, share compiled code.
  const cache = join(runtime, '../node_modules/.cache/branchline')
  return {
    command: [process.execPath, join(runtime, name, 'main.ts')],
    env: { ...env, NODE_COMPILE_CACHE: cache },
  }
}

/** Returns the platform's objects for the embedded cluster, with a new relay token. Default: one manager. */
export function platformObjects(domain: string, port: number, managers = 1): KubernetesObject[] {
  const manifests = platformManifests({
    source: 'local',
    cluster: 'local',
    relay: { domain, publicUrl: `http://${domain}:${port}`, routeExplain: 'allow' },
    relayToken: randomBytes(32).toString('base64url'),
  })
  const objects = manifests as unknown as KubernetesObject[]
  // Every manager plans and leads, because this API has no Lease. Their plans are equal.
  for (const { kind, metadata, spec } of objects) {
    if (kind === 'Deployment' && metadata.name === MANAGER_SERVICE)
      Object.assign(spec as object, { replicas: managers })
  }
  return objects
}

/** Adds a sidecar to every workload of an environment that lacks one. */
export function withSidecars(objects: readonly KubernetesObject[]): Transformed {
  const { manifests, findings } = injectEnvironments(objects)
  const problems = findings.map((finding): ObjectProblem => {
    const { kind, namespace, name, field, message } = finding
    const severity = effectOf(finding) === 'fault' ? 'error' : 'warning'
    return { id: `${kind}/${namespace ?? ''}/${name}`, severity, field, message }
  })
  return { objects: manifests as unknown as KubernetesObject[], problems }
}

/** Validates all environments and previews together, such as missing bases and keys that are used twice. */
export function checkEnvironments(objects: readonly KubernetesObject[]): ObjectProblem[] {
  const environments = objects
    .filter(({ kind }) => kind === 'Environment')
    .flatMap((object) => parseEnvironment(object).value ?? [])
  const previews = objects
    .filter(({ kind }) => kind === 'Preview')
    .flatMap((object) => parsePreview(object).value ?? [])
  return validateResources(environments, previews).map(({ kind, namespace, name, field, message }) => {
    return { id: `${kind}/${namespace}/${name}`, severity: 'error', field, message }
  })
}
