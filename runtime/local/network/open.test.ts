import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openNetwork } from './open.ts'

const path = process.env['PATH']
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'branchline-open-'))
})
afterEach(() => {
  process.env['PATH'] = path
  rmSync(folder, { recursive: true })
})

const options = (): Parameters<typeof openNetwork>[0] => ({
  folder,
  names: true,
  env: {},
  egress: [],
  onProcess: () => undefined,
  onUnknownName: () => undefined,
  onLost: () => undefined,
})

test('where namespaces are not possible, pods are on loopback, and one line says why and what differs', async () => {
  // As on a system without util-linux.
  process.env['PATH'] = folder
  const { network, notice } = await openNetwork(options())
  expect(network.method).toBe('loopback')
  expect(notice).toMatch(
    /^network: loopback addresses, because .*unshare .* is missing.*apps must listen only on/,
  )
  expect(notice).not.toContain('\n')
  await network.close()
})

test('a caller who asks for namespaces gets them, or an error with the remedy', async () => {
  process.env['PATH'] = folder
  await expect(openNetwork({ ...options(), method: 'namespaces' })).rejects.toThrow(
    expect.objectContaining({
      code: 'BL_LOCAL_NO_NAMESPACES',
      message: expect.stringMatching(/unshare .* is missing.*--network loopback/) as string,
    }),
  )
  await expect(openNetwork({ ...options(), method: 'namespaces', names: false })).rejects.toThrow(
    '--no-hosts',
  )
})

test('loopback can be chosen, also without names', async () => {
  for (const names of [true, false]) {
    const { network, notice } = await openNetwork({ ...options(), method: 'loopback', names })
    expect([network.method, notice]).toEqual(['loopback', undefined])
    await network.close()
  }
})
