import { rmSync } from 'node:fs'
import { synthesiseShop } from '@branchline/gitops/synth'
import { up } from 'branchline/commands/up.ts'
import type { Platform } from 'branchline/platform/platform.ts'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALICE_PATH, BASELINE_PATH, BOB_PATH } from '../harness/shop.ts'
import { chosenTarget } from '../harness/test-stories.ts'
import { visitShop, pathOf } from '../harness/visit.ts'

/** On a machine that does not allow private /etc/hosts files, pods find Services only by variables. */
const READY_TIMEOUT_MS = 60_000
const PATHS = { baseline: BASELINE_PATH, alice: ALICE_PATH, bob: BOB_PATH }

describe.skipIf(chosenTarget().name !== 'embedded')('without hosts files', () => {
  const folder = temporaryFolder('no-hosts')
  let platform: Platform
  beforeAll(async () => {
    synthesiseShop(folder)
    platform = await up({ folder, port: 0, hosts: false })
  })
  afterAll(async () => {
    await platform.stop()
    rmSync(folder, { recursive: true })
  })

  test.each(Object.entries(PATHS))('%s takes its path: %s', async (environment, path) => {
    const url = await platform.waitForPreview(environment, 'web', READY_TIMEOUT_MS)
    // The first response counts: ready means that everything behind the preview has started.
    expect(pathOf(await visitShop(url))).toBe(path)
  })
})
