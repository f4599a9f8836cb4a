import { VERSION } from '@branchline/wire/names'
import { conditionsOf, isReady, reasonsOf } from '../view/resources.ts'
import { type PlatformPart, platformParts } from '../view/status.ts'
import type { ClusterFacts, DryRun, HostFacts } from './cluster-facts.ts'
import { type CheckResult, valueOr } from './cluster-result.ts'
import { rightsCheck } from './cluster-rights.ts'

/** The oldest supported version of Kubernetes. */
const OLDEST_KUBERNETES = [1, 30] as const
/** A Lease that is older than this has no leader (the manager renews it every few seconds), in milliseconds. */
const LEASE_MS = 30_000
/** How long before its end a certificate is a warning, in milliseconds. */
const RENEW_MS = 14 * 24 * 3_600_000

// A test finds these pages and headings.
const UPGRADE = 'docs/operations.md#upgrade'
const CONDITIONS = 'docs/operations.md#conditions'
const PLATFORM_TROUBLE = 'docs/troubleshooting.md#the-platform-is-not-ready'
const BASE_SHOWN = 'docs/troubleshooting.md#the-branch-shows-the-baselines-version'
const PREVIEW_TROUBLE = 'docs/troubleshooting.md#a-preview-is-not-ready'
const INJECTION_TROUBLE = 'docs/troubleshooting.md#injection'
const HOST_TROUBLE = 'docs/troubleshooting.md#the-host-of-a-preview-does-not-resolve'

type Outcome = Omit<CheckResult, 'category' | 'name'>
const result = (category: string, name: string, outcome: Outcome): CheckResult => ({
  category,
  name,
  ...outcome,
})
const ok = (detail?: string): Outcome => ({ status: 'ok', ...(detail !== undefined && { detail }) })
const error = (detail: string, hint: string, page?: string): Outcome => ({
  status: 'error',
  detail,
  hint,
  ...(page !== undefined && { page }),
})
const warning = (detail: string, hint: string, page?: string): Outcome => ({
  ...error(detail, hint, page),
  status: 'warning',
})

/** What must hold before Branchline can be installed. Pure. */
export function preChecks(facts: ClusterFacts): CheckResult[] {
  const reached = kubernetesChecks(facts)
  if ('problem' in facts.version) return reached
  return [
    ...reached,
    rightsCheck('you may install the platform', facts.reviews, 'error'),
    ...admissionChecks(facts.dryRuns),
    ...facts.hosts.flatMap(hostChecks),
    result('platform', 'no other installation is there', freeOutcome(facts)),
  ]
}

/** What must hold where Branchline is installed. Pure. */
export function clusterChecks(facts: ClusterFacts, version: string, nowMs: number): CheckResult[] {
  const reached = kubernetesChecks(facts)
  if ('problem' in facts.version) return reached
  return [
    ...reached,
    rightsCheck('you may use every command', facts.reviews, 'warning'),
    ...platformChecks(facts, version, nowMs),
    ...admissionChecks(facts.dryRuns),
    ...environmentChecks(facts),
    ...sidecarChecks(facts, version),
    ...facts.hosts.flatMap((host) => [...hostChecks(host), ...certificateChecks(host, nowMs)]),
  ]
}

function kubernetesChecks({ version, target }: ClusterFacts): CheckResult[] {
  const category = 'kubernetes'
  const name = `the API server of ${target} answers`
  if ('problem' in version) {
    const hint = 'check the address in the kubeconfig, your network or VPN, and that you are logged in'
    return [result(category, name, error(version.problem, hint))]
  }
  const text = version.value ?? 'unknown'
  const [major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_KUBERNETES
  const isNew = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
  const oldest = OLDEST_KUBERNETES.join('.')
  const outcome = isNew ? ok() : error(`it is ${text}`, `upgrade the cluster to ${oldest} or later`)
  return [result(category, name, ok(text)), result(category, `its version is ${oldest} or later`, outcome)]
}

function freeOutcome({ crds, pods }: ClusterFacts): Outcome {
  if ('problem' in crds)
    return crds.status === 404 ? ok() : warning(crds.problem, 'ask for the right to get CRDs')
  const versions = platformParts(valueOr(pods, [])).flatMap((part) => part.versions)
  const found =
    versions.length === 0 ? 'the CRDs are there' : `version ${[...new Set(versions)].join(', ')} runs`
  return warning(found, 'this will be an upgrade', UPGRADE)
}

function platformChecks(facts: ClusterFacts, version: string, nowMs: number): CheckResult[] {
  const category = 'platform'
  const { crds, pods, leaseRenewedMs } = facts
  if ('problem' in pods) {
    return [result(category, 'its pods can be seen', error(pods.problem, 'ask for the right to list pods'))]
  }
  const [manager, relay] = platformParts(pods.value) as [PlatformPart, PlatformPart]
  return [
    result(category, `the CRDs serve ${VERSION}`, crdOutcome(crds)),
    result(category, 'the manager is ready', partOutcome(manager, 'error')),
    result(category, 'one manager leads', leaseOutcome(leaseRenewedMs, nowMs)),
    result(
      category,
      'the relay is ready',
      relay.total === 0 ? ok('it runs elsewhere') : partOutcome(relay, 'error'),
    ),
    result(category, 'it has the version of this command', versionOutcome([manager, relay], version)),
  ]
}

function crdOutcome(crds: ClusterFacts['crds']): Outcome {
  if ('problem' in crds) {
    if (crds.status !== 404) return warning(crds.problem, 'ask for the right to get CRDs')
    return error(
      'they are not installed',
      'install Branchline: branchline platform | kubectl apply --server-side -f -',
    )
  }
  const lacking = Object.entries(crds.value).filter(([, served]) => !served.includes(VERSION))
  if (lacking.length === 0) return ok()
  const names = lacking.map(([name]) => name).join(', ')
  return error(`${names} do not serve it`, 'apply the CRDs of this version: branchline platform', UPGRADE)
}

function partOutcome({ name, ready, total }: PlatformPart, status: 'error' | 'warning'): Outcome {
  if (total > 0 && ready === total) return ok(`${ready}/${total}`)
  const detail = total === 0 ? 'it has no pod' : `${ready} of ${total} pods are ready`
  const hint = `look at kubectl -n branchline-system describe pods -l app.kubernetes.io/component=${name}`
  return { ...error(detail, hint, PLATFORM_TROUBLE), status: ready > 0 ? 'warning' : status }
}

function leaseOutcome(renewed: ClusterFacts['leaseRenewedMs'], nowMs: number): Outcome {
  const page = PLATFORM_TROUBLE
  if ('problem' in renewed) {
    const hint = 'look at the log of the manager'
    return renewed.status === 404 ? error('there is no Lease', hint, page) : warning(renewed.problem, hint)
  }
  const seconds = Math.round((nowMs - renewed.value) / 1000)
  if (nowMs - renewed.value <= LEASE_MS) return ok(`its Lease is ${Math.max(0, seconds)} s old`)
  return error(`its Lease was last renewed ${seconds} s ago`, 'look at the log of the manager', page)
}

function versionOutcome(parts: readonly PlatformPart[], version: string): Outcome {
  const versions = [...new Set(parts.flatMap((part) => part.versions))]
  if (versions.every((one) => one === version)) return ok(version)
  return warning(
    `it is ${versions.join(', ')}, and this command is ${version}`,
    'upgrade the older one',
    UPGRADE,
  )
}

function admissionChecks(dryRuns: readonly DryRun[]): CheckResult[] {
  return dryRuns.map(({ namespace, admitted }) => {
    const name = `namespace ${namespace} admits a pod with a sidecar (dry run)`
    if ('value' in admitted) return result('admission', name, ok())
    const hint =
      'change the policy, or ask who owns it: the sidecar meets the Pod Security Standard restricted'
    return result('admission', name, {
      ...error(admitted.problem, hint, INJECTION_TROUBLE),
      status: admitted.status === 403 ? 'error' : 'warning',
    })
  })
}

function environmentChecks({ environments, previews }: ClusterFacts): CheckResult[] {
  const category = 'environments'
  if ('problem' in environments) {
    const hint = 'ask for the right to list environments'
    return [result(category, 'they can be listed', warning(environments.problem, hint))]
  }
  const all = [
    ...environments.value.map((one) => ({
      one,
      name: `${one.metadata.name} is ready`,
      page: environmentPage(one),
    })),
    ...valueOr(previews, []).map((one) => ({
      one,
      name: `preview ${one.metadata.name} of namespace ${one.metadata.namespace} is ready`,
      page: PREVIEW_TROUBLE,
    })),
  ]
  return all.map(({ one, name, page }) => {
    const why = reasonsOf(one).join('; ')
    const hint = 'do what the message says'
    if (!isReady(one)) return result(category, name, error(why, hint, page))
    const warned = conditionsOf(one).some(
      ({ type, status }) => type !== 'Ready' && type !== 'Expired' && status === 'True',
    )
    return result(category, name, warned ? warning(why, hint, page) : ok())
  })
}

/** Where the symptom is described: that of an override that serves nothing, or else the condition by its name. */
const environmentPage = (one: Parameters<typeof conditionsOf>[0]): string =>
  conditionsOf(one).some(({ reason }) => reason !== undefined && OVERRIDE_REASONS.has(reason))
    ? BASE_SHOWN
    : CONDITIONS

const OVERRIDE_REASONS = new Set(['OverrideUnreached', 'OverrideUnavailable'])

function sidecarChecks({ environments, pods }: ClusterFacts, version: string): CheckResult[] {
  const category = 'sidecars'
  const results = valueOr(environments, []).map((one) => {
    const { acknowledged = 0, connected = 0, total = 0, epoch = 0 } = one.status?.sidecars ?? {}
    const name = `those of ${one.metadata.name} have the newest routes`
    if (connected === total && acknowledged === total)
      return result(category, name, ok(`${total}/${total} at epoch ${epoch}`))
    const detail = `${connected} of ${total} are connected, ${acknowledged} of ${total} are at epoch ${epoch}`
    const hint =
      'wait for starting pods; otherwise look at the log of the sidecar (branchline logs SERVICE -c branchline-sidecar)'
    return result(category, name, warning(detail, hint, INJECTION_TROUBLE))
  })
  const [, , sidecars] = platformParts(valueOr(pods, []))
  const others = (sidecars?.versions ?? []).filter((one) => one !== version)
  const outcome =
    others.length === 0
      ? ok(sidecars?.versions.join(', ') || 'there are none')
      : warning(
          `some are ${others.join(', ')}`,
          `inject them again: branchline inject --sidecar-image`,
          UPGRADE,
        )
  return [...results, result(category, 'they have the version of this command', outcome)]
}

function hostChecks({ host, addresses }: HostFacts): CheckResult[] {
  const name = `${host} resolves`
  if ('value' in addresses) return [result('previews', name, ok(addresses.value.join(', ')))]
  const domain = host.split('.').slice(1).join('.')
  const hint = `add a wildcard record *.${domain} that leads to the relay, or look at your DNS or VPN`
  return [result('previews', name, error(addresses.problem, hint, HOST_TROUBLE))]
}

function certificateChecks({ host, validTo }: HostFacts, nowMs: number): CheckResult[] {
  if (validTo === undefined) return []
  const name = `${host} has a valid certificate`
  const hint = 'renew it, or look at what should renew it (cert-manager: kubectl describe certificate)'
  if ('problem' in validTo) return [result('previews', name, error(validTo.problem, hint))]
  const days = Math.floor((validTo.value - nowMs) / (24 * 3_600_000))
  const outcome =
    validTo.value - nowMs > RENEW_MS ? ok(`for ${days} days`) : warning(`it ends in ${days} days`, hint)
  return [result('previews', name, outcome)]
}
