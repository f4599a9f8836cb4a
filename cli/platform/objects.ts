import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { effectOf, injectEnvironments } from '@branchline/cdk8s/inject'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import type { ObjectProblem, Transformed } from '@branchline/runtime/local/options'
import type { ImageCommand } from '@branchline/runtime/local/pods/command'
import { VARIABLES } from '@branchline/wire/env'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { MANAGER_SERVICE, RELAY_SERVICE } from '@branchline/wire/names'
import { parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import { validateResources } from '@branchline/wire/resources/validate'

const IMAGE = /(?:^|\/)branchline\/(sidecar|manager|relay)(?:[:@].*)?$/

/**
 * Returns the command that runs one of the platform's images on this machine, in this Node: the bundle next to the
 * bundled command line, otherwise the runtime's source. Returns undefined for other images.
 */
export function platformImage(image: string): ImageCommand | undefined {
  const name = IMAGE.exec(image)?.[1]
  if (name === undefined) return undefined
  const bundled = join(import.meta.dirname, 'processes', `${name}.js`)
  if (existsSync(bundled)) return { command: [process.execPath, bundled] }
  const runtime = dirname(createRequire(import.meta.url).resolve('@branchline/runtime/package.json'))
  // A dozen sidecars start together. The cache lets them, and the next run, share compiled code.
  const cache = join(runtime, '../node_modules/.cache/branchline')
  return {
    command: [process.execPath, join(runtime, name, 'main.ts')],
    env: { NODE_COMPILE_CACHE: cache },
  }
}

/** Where the platform's processes run, and how many. */
export interface PlatformOptions {
  readonly domain: string
  /** The port of preview URLs. */
  readonly port: number
  /** Default: one. */
  readonly managers?: number | undefined
  /** The Unix socket of the server that answers at the domain itself. */
  readonly index: string
  /** The folder with the state of the relay, which is as temporary as the run. */
  readonly state: string
}

/** The name of the only cluster at the relay. */
const CLUSTER = 'local'

/** Returns the platform's objects for the embedded cluster, with a new relay token. */
export function platformObjects(options: PlatformOptions): KubernetesObject[] {
  const { domain, port, managers = 1, index, state } = options
  const relayToken = randomBytes(32).toString('base64url')
  const manifests = platformManifests({
    source: 'local',
    cluster: CLUSTER,
    manager: { podMessages: true },
    relay: { domain, publicUrl: `http://${domain}:${port}`, routeExplain: 'allow' },
    relayToken,
  })
  const objects = manifests as unknown as KubernetesObject[]
  for (const { kind, metadata, spec } of objects) {
    if (kind !== 'Deployment') continue
    const deployment = spec as PlatformDeployment
    // Every manager plans and leads, because this API has no Lease. Their plans are equal.
    if (metadata.name === MANAGER_SERVICE) deployment.replicas = managers
    if (metadata.name === RELAY_SERVICE) {
      // The relay stands for one in the cloud, which visitors reach from this machine.
      deployment.template.spec.hostNetwork = true
      const [container] = deployment.template.spec.containers
      const changed = new Set<string>([VARIABLES.relayToken, VARIABLES.ownerKey])
      const others = container?.env.filter(({ name }) => !changed.has(name)) ?? []
      // A credential of one cluster tells the relay that no other cluster is to come.
      const token = { name: VARIABLES.relayToken, value: `${CLUSTER}:${relayToken}` }
      // Several runs share this machine's ports.
      const local = [
        token,
        { name: VARIABLES.index, value: index },
        { name: VARIABLES.apiPort, value: '0' },
        { name: VARIABLES.stateDirectory, value: state },
        { name: VARIABLES.stateDurable, value: 'off' },
        // In a file of the run, where commands find it.
        { name: VARIABLES.ownerKey, value: 'new' },
      ]
      if (container !== undefined) container.env = [...others, ...local]
    }
  }
  return objects
}

interface Variable {
  readonly name: string
  readonly value?: string
}

interface PlatformDeployment {
  replicas: number
  readonly template: { readonly spec: { hostNetwork?: boolean; readonly containers: { env: Variable[] }[] } }
}

/** Adds a sidecar to every workload of an environment that lacks one. */
export function withSidecars(objects: readonly KubernetesObject[]): Transformed {
  const { manifests, findings } = injectEnvironments(objects)
  // Here, nothing enforces network policies and quotas.
  const relevant = findings.filter((finding) => effectOf(finding) !== 'cluster')
  const problems = relevant.map((finding): ObjectProblem => {
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
