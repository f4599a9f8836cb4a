import { setTimeout as delay } from 'node:timers/promises'
import { APPLICATION_SET, argoCdManifests } from '@branchline/gitops/argo-cd/manifests'
import { branch } from '@branchline/gitops/shop/branch'
import { SHOP, synthesise } from '@branchline/gitops/synth'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applications, assertSettled, lacking, operations } from '../../harness/kind/argo-cd.ts'
import { kube, kubeWith, onCluster } from '../../harness/kind/cluster.ts'
import { GitFolder } from '../../harness/kind/git.ts'
import { Manifests } from '../../harness/manifests.ts'
import { ALICE_PATH, BASELINE_PATH, BOB_PATH } from '../../harness/shop.ts'
import type { Running } from '../../harness/target.ts'
import { chosenTarget, note } from '../../harness/test-stories.ts'
import { until } from '../../harness/until.ts'
import { visit, visitShop, pathOf } from '../../harness/visit.ts'

/** The git server's URL from this machine, and from the cluster. */
const REMOTE = process.env['GITOPS_REMOTE'] ?? 'http://127.0.0.1:30090/gitops.git'
const IN_CLUSTER = process.env['GITOPS_REPOSITORY'] ?? 'http://git.git/gitops.git'
const SYNC_TIMEOUT_MS = 150_000
const WATCH_MS = 30_000
const WATCH_POLL_MS = 2000
const STORY_TIMEOUT_MS = 290_000
const NINA_PATH = 'web@baseline api@nina worker@baseline'

const applicationsOf = (...names: string[]): string[] => names.map((name) => `environment-${name}`)
const fileOf = (name: string): string => `environments/${name}/manifests.yaml`

async function takes(platform: Running, name: string, path: string): Promise<string> {
  const url = await platform.previewUrl(name, 'web', SYNC_TIMEOUT_MS)
  const right = async (): Promise<void> => expect(pathOf(await visitShop(url))).toBe(path)
  await until(`${name} takes ${path}`, right, SYNC_TIMEOUT_MS)
  return url
}

onCluster(() => {
  let reason: string | undefined
  let manifests: Manifests
  let platform: Running
  let git: GitFolder

  beforeAll(async () => {
    reason = await lacking()
    if (reason !== undefined) return
    manifests = await Manifests.create()
    platform = await chosenTarget().start(manifests.folder)
    git = await GitFolder.create(REMOTE)
    const none = async (): Promise<void> => {
      const label = 'branchline.dev/environment'
      expect((await kube('get', 'namespaces', '-l', label, '-o', 'name')).trim()).toBe('')
    }
    await until('no environment is there', none, SYNC_TIMEOUT_MS)
  }, STORY_TIMEOUT_MS)

  afterAll(async () => {
    if (reason !== undefined) return
    await kube('-n', 'argocd', 'delete', 'applicationset', APPLICATION_SET, '--ignore-not-found')
    const none = async (): Promise<void> => expect(await applications()).toEqual([])
    await until('no Application is left', none, SYNC_TIMEOUT_MS)
    await git.dispose()
    await platform.stop()
    await manifests.dispose()
  }, STORY_TIMEOUT_MS)

  test(
    'a push of the sample: an ApplicationSet over the folders starts it, Synced and Healthy',
    async ({ skip }) => {
      skip(reason !== undefined, reason)
      for (const [name, build] of Object.entries(SHOP)) await git.write(fileOf(name), synthesise(build))
      await git.push('The sample')
      const startedAt = performance.now()
      const input = argoCdManifests({ repoUrl: IN_CLUSTER, requeueAfterSeconds: 10 })
        .map((manifest) => JSON.stringify(manifest))
        .join('\n---\n')
      const own = ['--server-side', '--field-manager', 'branchline']
      const applied = await kubeWith(input, 'apply', ...own, '-f', '-')
      expect(applied.stderr).toBe('')
      await takes(platform, 'baseline', BASELINE_PATH)
      await takes(platform, 'alice', ALICE_PATH)
      await takes(platform, 'bob', BOB_PATH)
      note(`every URL answers ${Math.round(performance.now() - startedAt)} ms after the ApplicationSet`)
      const settled = (): Promise<void> => assertSettled(applicationsOf('baseline', 'alice', 'bob'))
      await until('all is settled', settled, SYNC_TIMEOUT_MS)
      note(`all Synced and Healthy after ${Math.round(performance.now() - startedAt)} ms`)
    },
    STORY_TIMEOUT_MS,
  )

  test(
    'a push of a branch: its URL serves, it stays Synced with self-heal, and removing its folder removes it',
    async ({ skip }) => {
      skip(reason !== undefined, reason)
      await git.write(
        fileOf('nina'),
        synthesise(branch('nina', { base: 'baseline', overrides: { api: 'pr-7' } })),
      )
      await git.push('A branch')
      const pushedAt = performance.now()
      const url = await takes(platform, 'nina', NINA_PATH)
      note(`a pushed branch answers after ${Math.round(performance.now() - pushedAt)} ms`)
      const names = applicationsOf('baseline', 'alice', 'bob', 'nina')
      await until('all is settled', () => assertSettled(names), SYNC_TIMEOUT_MS)

      const before = await operations()
      for (const end = performance.now() + WATCH_MS; performance.now() < end; await delay(WATCH_POLL_MS)) {
        await assertSettled(names)
      }
      expect(await operations()).toEqual(before)
      note(`for ${WATCH_MS} ms everything stayed Synced and Healthy, and nothing was synced again`)

      await git.remove('environments/nina')
      await git.push('The branch is merged')
      const removedAt = performance.now()
      const refused = async (): Promise<void> => expect((await visit(url)).status).toBe(404)
      await until('its URL says 404', refused, SYNC_TIMEOUT_MS)
      const refusedMs = Math.round(performance.now() - removedAt)
      const gone = async (): Promise<void> =>
        expect(await kube('get', 'namespace', 'nina', '--ignore-not-found', '-o', 'name')).toBe('')
      await until('its namespace is gone', gone, SYNC_TIMEOUT_MS)
      note(
        `a removed folder: 404 after ${refusedMs} ms, gone after ${Math.round(performance.now() - removedAt)} ms`,
      )
    },
    STORY_TIMEOUT_MS,
  )
})
