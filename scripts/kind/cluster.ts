import { join } from 'node:path'
import { $, which } from 'zx'
import { type Bases, readBases } from './base-images.ts'

/** Settings of the harness, from environment variables. */
export interface KindSettings {
  /** KIND_CLUSTER: the name of the cluster. An existing cluster is used as it is. Default: branchline. */
  readonly cluster: string
  /** KIND_NODE_IMAGE: the image of the node. Default: kind's default. */
  readonly nodeImage: string | undefined
  /** The base images. */
  readonly bases: Bases
}

/** Reads the settings from environment variables. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): KindSettings {
  return {
    cluster: environment['KIND_CLUSTER'] || 'branchline',
    nodeImage: environment['KIND_NODE_IMAGE'] || undefined,
    bases: readBases(environment),
  }
}

const CONFIGURATION = join(import.meta.dirname, '../../kind/cluster.yaml')
const TOOLS = ['docker', 'kind', 'kubectl'] as const

/** Returns the kubectl context of a kind cluster. */
export const contextOf = (cluster: string): string => `kind-${cluster}`

/** Throws an error with the remedy if a tool is missing or Docker does not respond. */
export async function checkTools(): Promise<void> {
  for (const tool of TOOLS) {
    if ((await which(tool, { nothrow: true })) === null) {
      throw new Error(`${tool} is not installed: the kind target needs ${TOOLS.join(', ')}`)
    }
  }
  const docker = await $`docker version --format {{.Server.Version}}`.quiet().nothrow()
  if (docker.exitCode !== 0) throw new Error(`Docker does not respond: start it (${docker.stderr.trim()})`)
}

/** Creates the cluster if it does not exist. Returns whether it was created. */
export async function ensureCluster({ cluster, nodeImage }: KindSettings): Promise<boolean> {
  const clusters = (await $`kind get clusters`.quiet()).stdout.split('\n')
  if (clusters.includes(cluster)) return false
  const image = nodeImage === undefined ? [] : ['--image', nodeImage]
  await $`kind create cluster --name ${cluster} --config ${CONFIGURATION} ${image} --wait 120s`
  return true
}

/** The iptables chains of a node for traffic that no rule of kube-proxy redirected: from pods, and from the node. */
const CHAINS = ['FORWARD', 'OUTPUT']

/**
 * Makes the nodes refuse connections to Service addresses that kube-proxy does not know yet. Otherwise kind's nodes send
 * them to Docker's network. Behind some gateways every address accepts connections and responds with an empty 404. A
 * connection that is kept from the moment when DNS knows a new Service, but kube-proxy does not, would stay there. Does
 * nothing if a node has no iptables.
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

/** Deletes the cluster if it exists. */
export async function deleteCluster({ cluster }: KindSettings): Promise<void> {
  await $`kind delete cluster --name ${cluster}`
}

/** Returns the extra name that marks an image in the node, so that this build of this reference is recognised. */
async function markOf(image: string): Promise<string> {
  const id = (await $`docker image inspect --format {{.Id}} ${image}`.quiet()).stdout.trim()
  return `branchline.dev/loaded/${image.replace(':', '/')}/${id.replace(':', '/')}`
}

/**
 * Copies local images to the nodes, except those that every node already has with the same reference and id. A copy
 * takes seconds, and most runs change at most one image.
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

/** Returns the port of 127.0.0.1 that leads to a port of the node. Throws if the port is not published. */
export async function publishedPort({ cluster }: KindSettings, containerPort: number): Promise<number> {
  const output = (await $`docker port ${cluster}-control-plane ${containerPort}/tcp`.quiet().nothrow()).stdout
  const port = /127\.0\.0\.1:(\d+)/.exec(output)?.[1]
  if (port !== undefined) return Number(port)
  throw new Error(
    `the cluster ${cluster} does not publish its port ${containerPort} on 127.0.0.1: make it from kind/cluster.yaml`,
  )
}
