import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import type { Target } from '../target/target.ts'
import { listingOf } from '../view/listings.ts'
import { previewName } from '../view/previews.ts'
import { environmentOfNamespace } from '../view/resources.ts'
import { snapshotOf } from '../commands/get.ts'
import { MAX_PAGE } from '@branchline/wire/circuits/page'
import { type ApiOptions, chosenApi } from '../relay/api/choose.ts'
import { apiOf } from '../relay/api/connect.ts'
import type { NameReader } from './complete.ts'

/** How long completion may wait for names, in milliseconds. A user who presses Tab waits for it. */
const TIMEOUT_MS = 1_500

/** Reads names from the target that the words choose. Without one, or too late, there are none. */
export function nameReader(words: readonly string[]): NameReader {
  return async (kind, args) => {
    try {
      if (kind === 'circuits' || kind === 'workers') return await relayNames(kind, words)
      const target = await openTarget(targetOf(words))
      const late = new Promise<never[]>((resolve) => setTimeout(resolve, TIMEOUT_MS, []).unref())
      return await Promise.race([namesOf(target, kind, args), late])
    } catch {
      return []
    }
  }
}

/** The API of the relay that the words choose waits as long as a user who has pressed Tab. */
async function relayNames(
  kind: 'circuits' | 'workers',
  words: readonly string[],
): Promise<readonly string[]> {
  const after = (flag: string): string | undefined => words[words.indexOf(flag) + 1]
  const given = (['api', 'key'] as const).filter((name) => words.includes(`--${name}`))
  const options = Object.fromEntries(given.map((name) => [name, after(`--${name}`)])) as ApiOptions
  const api = apiOf(chosenApi(options), { attemptMs: TIMEOUT_MS, retryMs: [] })
  return api.call(async (client) => {
    const query = { limit: MAX_PAGE }
    if (kind === 'workers') return (await client.listWorkers({ query })).items.map(({ name }) => name)
    return (await client.listCircuits({ query })).items.map(({ key }) => key)
  })
}

async function namesOf(
  target: Target,
  kind: Parameters<NameReader>[0],
  args: readonly string[],
): Promise<readonly string[]> {
  if (kind === 'items') {
    const listing = listingOf(args[0] ?? '')
    if (listing === undefined) return []
    const items = listing.items(await snapshotOf(target, listing), { all: false }, Date.now())
    return [...new Set(items.map(({ name }) => name))]
  }
  const environments = await target.list('Environment')
  if (kind === 'environments') return environments.map(({ metadata }) => metadata.name)
  if (kind === 'previews') return (await target.list('Preview')).map((one) => previewName(one, environments))
  return (await target.list('Service')).flatMap((one) => serviceNames(one, environments))
}

/** A service of an environment as `SERVICE@ENVIRONMENT`, and for one without a base also as `SERVICE`. */
function serviceNames({ metadata }: KubernetesObject, environments: readonly KubernetesObject[]): string[] {
  const environment = environmentOfNamespace(metadata.namespace, environments)
  if (environment === undefined) return []
  const full = `${metadata.name}@${environment.metadata.name}`
  return environment.spec?.base === undefined ? [metadata.name, full] : [full]
}

/** The target options among the words of an unfinished command line. */
function targetOf(words: readonly string[]): TargetOptions {
  const after = (flag: string): string | undefined => words[words.indexOf(flag) + 1]
  const options = (['context', 'kubeconfig', 'up'] as const)
    .filter((name) => words.includes(`--${name}`))
    .map((name) => [name, after(`--${name}`)])
  return Object.fromEntries(options) as TargetOptions
}
