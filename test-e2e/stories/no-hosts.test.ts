import { rmSync } from 'node:fs'
import { synthesiseShop } from '@branchline/gitops/synth'
import { up } from 'branchline/commands/up.ts'
import type { Platform } from 'branchline/platform/platform.ts'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALICE_PATH, BASELINE_PATH, BOB_PATH } from '../harness/shop.ts'
import { chosenTarget } from '../harness/test-stories.ts'
import { visitShop, pathOf } from '../harness/visit.ts'

/** Where a machine lets nobody have an /etc/hosts of his own, pods find Services by variables alone. */
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

  test.each(Object.entries(PATHS))('%s answers by its own path: %s', async (environment, path) => {
    const url = await platform.waitForPreview(environment, 'web', READY_TIMEOUT_MS)
    // Its first answer: ready means that all that is behind it has come up.
    expect(pathOf(await visitShop(url))).toBe(path)
  })
})
