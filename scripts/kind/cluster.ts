import { join } from 'node:path'
import { $, which } from 'zx'
import { type Bases, readBases } from './base-images.ts'

/** What the harness can be told, by variables. */
export interface KindSettings {
  /** The cluster's name, KIND_CLUSTER. One that exists already is used as it is. Default: branchline. */
  readonly cluster: string
  /** The node image, KIND_NODE_IMAGE. Default: kind's own. */
  readonly nodeImage: string | undefined
  /** What images are built on. */
  readonly bases: Bases
}

/** Reads the settings out of variables. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): KindSettings {
  return {
    cluster: environment['KIND_CLUSTER'] || 'branchline',
    nodeImage: environment['KIND_NODE_IMAGE'] || undefined,
    bases: readBases(environment),
  }
}

const CONFIGURATION = join(import.meta.dirname, '../../kind/cluster.yaml')
const TOOLS = ['docker', 'kind', 'kubectl'] as const

/** The kubectl context of a kind cluster. */
export const contextOf = (cluster: string): string => `kind-${cluster}`

/** Throws, with what to do, where a tool is missing or Docker does not answer. */
export async function checkTools(): Promise<void> {
  for (const tool of TOOLS) {
    if ((await which(tool, { nothrow: true })) === null) {
      throw new Error(`${tool} is not installed: the kind target needs ${TOOLS.join(', ')}`)
    }
  }
  const docker = await $`docker version --format {{.Server.Version}}`.quiet().nothrow()
  if (docker.exitCode !== 0) throw new Error(`Docker does not answer: start it (${docker.stderr.trim()})`)
}

/** Makes the cluster, unless it is there; returns whether it had to. */
export async function ensureCluster({ cluster, nodeImage }: KindSettings): Promise<boolean> {
  const clusters = (await $`kind get clusters`.quiet()).stdout.split('\n')
  if (clusters.includes(cluster)) return false
  const image = nodeImage === undefined ? [] : ['--image', nodeImage]
  await $`kind create cluster --name ${cluster} --config ${CONFIGURATION} ${image} --wait 120s`
  return true
}

/** Chains of a node that see what no rule of kube-proxy has sent on: of pods, and of the node itself. */
const CHAINS = ['FORWARD', 'OUTPUT']

/**
 * Makes the nodes refuse connections to addresses of Services that lead nowhere yet. kind's nodes pass them to
 * Docker's network, and with that to whatever answers there: behind some gateways every address accepts and
 * answers "404" with an empty body, and a kept connection to it outlives the moment in which a new Service's
 * address is known to DNS and not yet to kube-proxy. Does nothing where a node has no iptables.
 */
export async function fenceServices({ cluster }: KindSettings): Promise<void> {
  const context = contextOf(cluster)
  const config =
    await $`kubectl --context ${context} -n kube-system get configmap kubeadm-config -o yaml`.quiet()
  const subnets = /serviceSubnet: (\S+)/.exec(config.stdout)?.[1]?.split(',') ?? []
  const nodes = (await $`kind get nodes --name ${cluster}`.quiet()).stdout.split('\n').filter(Boolean)
  for (const subnet of subnets.filter((one) => one.includes('.'))) {
    for (const node of nodes) {
      for (const chain of CHAINS) {
        const rule = [chain, '-d', subnet, '-m', 'comment', '--comment', 'no such Service', '-j', 'REJECT']
        const there = await $`docker exec ${node} iptables -C ${rule}`.quiet().nothrow()
        if (there.exitCode !== 0) await $`docker exec ${node} iptables -I ${rule}`.quiet().nothrow()
      }
    }
  }
}

/** Deletes the cluster, if it is there. */
export async function deleteCluster({ cluster }: KindSettings): Promise<void> {
  await $`kind delete cluster --name ${cluster}`
}

/** What is put on an image in the node, to know that this build of this reference is there: a name of its own. */
async function markOf(image: string): Promise<string> {
  const id = (await $`docker image inspect --format {{.Id}} ${image}`.quiet()).stdout.trim()
  return `branchline.dev/loaded/${image.replace(':', '/')}/${id.replace(':', '/')}`
}

/**
 * Copies local images into the nodes, but for those that each node has already under the same reference and
 * id: a copy takes seconds, and most runs change one image or none.
 */
export async function loadImages({ cluster }: KindSettings, images: readonly string[]): Promise<string[]> {
  const nodes = (await $`kind get nodes --name ${cluster}`.quiet()).stdout.split('\n').filter(Boolean)
  const loaded = await Promise.all(nodes.map(imagesOf))
  const marks = await Promise.all(images.map(markOf))
  const missing = images.filter((_, index) => !loaded.every((there) => there.has(marks[index] ?? '')))
  if (missing.length > 0) await $`kind load docker-image --name ${cluster} ${missing}`.quiet()
  for (const image of missing) {
    const reference = image.includes('/') ? `docker.io/${image}` : `docker.io/library/${image}`
    const mark = await markOf(image)
    for (const node of nodes) {
      await $`docker exec ${node} ctr --namespace k8s.io images tag --force ${reference} ${mark}`
        .quiet()
        .nothrow()
    }
  }
  return missing
}

async function imagesOf(node: string): Promise<Set<string>> {
  const listed = await $`docker exec ${node} ctr --namespace k8s.io images list -q`.quiet().nothrow()
  return new Set(listed.stdout.split('\n'))
}

/** The port of 127.0.0.1 at which a port of the node is published; throws where it is not. */
export async function publishedPort({ cluster }: KindSettings, containerPort: number): Promise<number> {
  const output = (await $`docker port ${cluster}-control-plane ${containerPort}/tcp`.quiet().nothrow()).stdout
  const port = /127\.0\.0\.1:(\d+)/.exec(output)?.[1]
  if (port !== undefined) return Number(port)
  throw new Error(
    `the cluster ${cluster} does not publish its port ${containerPort} on 127.0.0.1: make it from kind/cluster.yaml`,
  )
}
