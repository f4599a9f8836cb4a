import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { Environment, Preview, Workload } from '@branchline/cdk8s'
import { api } from '@branchline/gitops/shop/workloads'
import { type Build, synthesise } from '@branchline/gitops/synth'
import { durationMs } from '@branchline/wire/duration'
import { kube, kubeJson, kubeWith } from '../../harness/kind/cluster.ts'
import { apply } from '../../harness/kind/probes.ts'
import { BASELINE_PATH, type Shop } from '../../harness/shop.ts'
import { until } from '../../harness/until.ts'
import { visit } from '../../harness/visit.ts'
import type { Proof } from '../proof.ts'

/** The shortest ttl that the API server accepts. */
const TTL = '1m'
const ENDED_TIMEOUT_MS = 60_000
/** One environment is made by hand, and one is managed by git: the mark is Argo CD's tracking annotation. */
const BY_HAND = 'olivia'
const BY_GIT = 'peggy'
const MARK = 'argocd.argoproj.io/tracking-id'
const OWNED = 'notes'

const branch =
  (name: string, ttl: string): Build =>
  (app) => {
    const environment = new Environment(app, name, { type: 'branch', base: 'baseline', ttl })
    new Workload(environment, 'api', api('pr-7'))
    new Preview(environment, 'web', { port: 8080 })
  }

const pathOfBranch = (name: string): string => `web@baseline api@${name} worker@baseline`

interface Resource {
  readonly metadata: { readonly uid: string; readonly creationTimestamp: string }
  readonly status?: {
    readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[]
  }
}

const environmentOf = (name: string): Promise<Resource> => kubeJson('-n', name, 'get', 'environment', name)

async function applyText(text: string): Promise<void> {
  const { code, stderr } = await kubeWith(text, 'apply', '--server-side', '-f', '-')
  assert.equal(code, 0, stderr)
}

/** Applies both, each with its override and a ConfigMap that it owns. Resolves when their requests take their paths. */
async function makeBoth(shop: Shop): Promise<{ endsAtMs: number; url: string }> {
  for (const name of [BY_HAND, BY_GIT]) await applyText(synthesise(branch(name, TTL)))
  await kube('-n', BY_GIT, 'annotate', 'environment', BY_GIT, `${MARK}=shop:branchline.dev/Environment`)
  for (const name of [BY_HAND, BY_GIT]) {
    const { uid } = (await environmentOf(name)).metadata
    const ownerReferences = [{ apiVersion: 'branchline.dev/v1alpha1', kind: 'Environment', name, uid }]
    const metadata = { name: OWNED, namespace: name, ownerReferences }
    await apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata }])
  }
  for (const name of [BY_HAND, BY_GIT]) await shop.takes(name, pathOfBranch(name))
  // The end of the younger one, when both have ended.
  const { creationTimestamp } = (await environmentOf(BY_GIT)).metadata
  return { endsAtMs: Date.parse(creationTimestamp) + durationMs(TTL), url: await shop.url(BY_HAND) }
}

/** Returns the Events of an environment's end, which `kubectl describe` shows. */
async function eventsOf(name: string): Promise<string> {
  const selector = `regarding.kind=Environment,regarding.name=${name},reason=TimeToLiveEnded`
  return kube(
    '-n',
    name,
    'get',
    'events.events.k8s.io',
    '--field-selector',
    selector,
    '-o',
    'jsonpath={.items[*].note}',
  )
}

/** Checks that the environment made by hand is deleted with its ConfigMap and its URL, but not its namespace. */
async function handMadeIsGone(url: string): Promise<void> {
  assert.equal((await visit(url)).status, 404)
  const kinds = ['environment,configmap', BY_HAND, OWNED]
  assert.equal((await kube('-n', BY_HAND, 'get', ...kinds, '--ignore-not-found', '-o', 'name')).trim(), '')
  assert.match(await eventsOf(BY_HAND), /so it was deleted/)
  await kube('get', 'namespace', BY_HAND)
}

/** Checks that the environment of git still exists with its ConfigMap, and states that it has expired and who manages it. */
async function heldIsExpired(): Promise<void> {
  await kube('-n', BY_GIT, 'get', 'configmap', OWNED)
  const conditions = (await environmentOf(BY_GIT)).status?.conditions ?? []
  const byType = Object.fromEntries(
    conditions.map(({ type, status, reason, message }) => [type, `${status} ${reason} ${message}`]),
  )
  assert.match(byType['Ready'] ?? '', /^True Expired .*all requests go to baseline/)
  assert.match(byType['Expired'] ?? '', /^True TimeToLiveEnded .*held by annotation argocd.*delete it there/)
  assert.match(await eventsOf(BY_GIT), /held by annotation argocd/)
}

export const timeEnds: Proof = {
  title:
    `a ttl of ${TTL} ends: what was made by hand is deleted by the manager, what git holds says Expired and ` +
    'goes to its base',
  // The shortest ttl is a minute.
  timeoutMs: 240_000,
  async prove(shop) {
    try {
      const { endsAtMs, url } = await makeBoth(shop)
      const lived = (await environmentOf(BY_HAND)).status?.conditions?.find(({ type }) => type === 'Expired')
      assert.equal(lived?.status, 'False')
      await delay(Math.max(0, endsAtMs - Date.now()))
      await shop.takes(BY_GIT, BASELINE_PATH, ENDED_TIMEOUT_MS)
      const routedMs = Date.now() - endsAtMs
      await until('the one made by hand is gone', () => handMadeIsGone(url), ENDED_TIMEOUT_MS)
      const goneMs = Date.now() - endsAtMs
      await until('the held one says so', heldIsExpired, ENDED_TIMEOUT_MS)
      return `after its end: the held one goes to its base within ${routedMs} ms, the other is gone within ${goneMs} ms`
    } finally {
      await kube('delete', 'namespace', BY_HAND, BY_GIT, '--ignore-not-found', '--wait=false')
    }
  },
}
