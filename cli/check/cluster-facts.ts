import { lookup } from 'node:dns/promises'
import { connect } from 'node:tls'
import { sidecarPod } from './sidecar-pod.ts'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { systemSentence } from '../output/system-errors.ts'
import type { ClusterTarget } from '../target/cluster.ts'
import type { EnvironmentObject, PodObject, PreviewObject } from '../view/resources.ts'
import { accessReview, type Right } from './cluster-rights.ts'
import { type Attempt, attempt, valueOr } from './cluster-result.ts'

/** How long to wait for a name or a certificate, in milliseconds. */
const NETWORK_TIMEOUT_MS = 5_000
/** How many namespaces are tried by a dry run, and how many hosts are looked up. */
const MAX_TRIED = 20

interface Review {
  readonly right: Right
  readonly allowed: Attempt<boolean>
}

/** A pod like those with a sidecar, tried in a namespace without creating it. */
export interface DryRun {
  readonly namespace: string
  readonly admitted: Attempt<boolean>
}

/** The certificate that a host presents, or why there is none. */
export interface HostFacts {
  readonly host: string
  readonly addresses: Attempt<readonly string[]>
  /** For https: the end of the certificate's validity, in milliseconds since 1970. */
  readonly validTo?: Attempt<number>
}

/** What the checks of a cluster are about. */
export interface ClusterFacts {
  readonly target: string
  readonly version: Attempt<string | undefined>
  readonly reviews: readonly Review[]
  /** The served versions of each CRD of ours, by its plural name. */
  readonly crds: Attempt<Readonly<Record<string, readonly string[]>>>
  readonly pods: Attempt<readonly PodObject[]>
  readonly environments: Attempt<readonly EnvironmentObject[]>
  readonly previews: Attempt<readonly PreviewObject[]>
  /** When the manager's leader last renewed its Lease, in milliseconds since 1970. */
  readonly leaseRenewedMs: Attempt<number>
  readonly dryRuns: readonly DryRun[]
  readonly hosts: readonly HostFacts[]
}

export interface FactOptions {
  readonly rights: readonly Right[]
  /** The namespaces of the dry runs. Default: those of the environments. */
  readonly namespaces?: readonly string[]
  /** A domain for previews, to be looked up. Default: the hosts of the previews. */
  readonly domain?: string
}

/** Reads everything that the checks need. Changes nothing: the pods of dry runs are not created. Never rejects. */
export async function clusterFacts(target: ClusterTarget, options: FactOptions): Promise<ClusterFacts> {
  const version = await attempt(() => target.serverVersion())
  const [reviews, crds, pods, environments, previews, leaseRenewedMs] = await Promise.all([
    Promise.all(options.rights.map((right) => review(target, right))),
    attempt(() => servedVersions(target)),
    attempt(async () => (await target.list('Pod')) as PodObject[]),
    attempt(async () => (await target.list('Environment')) as EnvironmentObject[]),
    attempt(async () => (await target.list('Preview')) as PreviewObject[]),
    attempt(() => renewTime(target)),
  ])
  const own = valueOr(environments, [])
    .filter((one) => !isTerminating(one))
    .flatMap(({ metadata }) => metadata.namespace ?? [])
  const namespaces = (options.namespaces ?? own).slice(0, MAX_TRIED)
  const urls = valueOr(previews, []).flatMap(({ status }) => status?.url ?? [])
  const wanted = options.domain === undefined ? urls : [`http://branchline-check.${options.domain}`]
  const [dryRuns, hosts] = await Promise.all([
    Promise.all(namespaces.map((namespace) => dryRun(target, namespace))),
    Promise.all(distinctOrigins(wanted).map(hostFacts)),
  ])
  return {
    target: target.name,
    version,
    reviews,
    crds,
    pods,
    environments,
    previews,
    leaseRenewedMs,
    dryRuns,
    hosts,
  }
}

const review = async (target: ClusterTarget, right: Right): Promise<Review> => ({
  right,
  allowed: await attempt(async () => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    const reviewed = await target.request('check your rights', {
      method: 'POST',
      path,
      body: accessReview(right),
    })
    return (reviewed as { status?: { allowed?: boolean } }).status?.allowed === true
  }),
})

async function servedVersions(target: ClusterTarget): Promise<Record<string, string[]>> {
  const served: Record<string, string[]> = {}
  for (const plural of ['environments', 'previews']) {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.branchline.dev`
    const crd = await target.request('read the CRDs', { method: 'GET', path })
    const { spec } = crd as { spec?: { versions?: readonly { name: string; served?: boolean }[] } }
    served[plural] = (spec?.versions ?? []).filter((one) => one.served === true).map(({ name }) => name)
  }
  return served
}

async function renewTime(target: ClusterTarget): Promise<number> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${PLATFORM_NAMESPACE}/leases/${MANAGER_LEASE}`
  const lease = await target.request("read the manager's Lease", { method: 'GET', path })
  return Date.parse((lease as { spec?: { renewTime?: string } }).spec?.renewTime ?? '')
}

/** A namespace that is being deleted admits no pod, whatever its policy says. */
const isTerminating = ({ status }: EnvironmentObject): boolean =>
  status?.conditions?.some(({ reason }) => reason === 'Terminating') === true

const dryRun = async (target: ClusterTarget, namespace: string): Promise<DryRun> => ({
  namespace,
  admitted: await attempt(async () => {
    const path = `/api/v1/namespaces/${namespace}/pods`
    await target.request('try a pod', {
      method: 'POST',
      path,
      query: { dryRun: 'All' },
      body: sidecarPod(namespace),
    })
    return true
  }),
})

/** One URL for each domain and scheme, because a wildcard serves all hosts of a domain. */
function distinctOrigins(urls: readonly string[]): URL[] {
  const parsed = urls.flatMap((url) => (URL.canParse(url) ? [new URL(url)] : []))
  const byDomain = new Map(
    parsed.map((url) => [`${url.protocol}${url.hostname.split('.').slice(1).join('.')}`, url]),
  )
  return [...byDomain.values()].slice(0, MAX_TRIED)
}

async function hostFacts(url: URL): Promise<HostFacts> {
  const host = url.hostname
  // A host below localhost is this machine (RFC 6761, 6.3), but not every resolver knows that.
  const addresses = await attempt(async () =>
    host.endsWith('.localhost')
      ? ['127.0.0.1']
      : (await lookup(host, { all: true })).map(({ address }) => address),
  )
  if (url.protocol !== 'https:' || !('value' in addresses)) return { host, addresses: told(addresses, host) }
  return { host, addresses, validTo: told(await attempt(() => validTo(host, Number(url.port || 443))), host) }
}

/** Gives a failure of the system a sentence. */
function told<T>(read: Attempt<T>, host: string): Attempt<T> {
  if ('value' in read) return read
  return { problem: read.problem.includes('ENOTFOUND') ? `the name ${host} does not resolve` : read.problem }
}

/** The end of the validity of the certificate that a host presents. Rejects if it is not trusted for this host. */
function validTo(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: host, timeout: NETWORK_TIMEOUT_MS })
    const fail = (error: Error): void => {
      socket.destroy()
      reject(new Error(systemSentence(error, host) ?? error.message, { cause: error }))
    }
    socket.once('error', fail)
    socket.once('timeout', () => fail(new Error(`${host} does not answer within ${NETWORK_TIMEOUT_MS} ms`)))
    socket.once('secureConnect', () => {
      resolve(Date.parse(socket.getPeerCertificate().valid_to))
      socket.end()
    })
  })
}
