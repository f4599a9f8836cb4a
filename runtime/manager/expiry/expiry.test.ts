import type { Environment } from '@branchline/wire/resources/environment'
import { parseEnvironment } from '@branchline/wire/resources/parse'
import { describe, expect, test } from 'vitest'
import { environment } from '../fixture/objects.ts'
import { endsAtMs, expiredAt, heldBy } from './expiry.ts'

const CREATED_MS = Date.parse('2026-11-21T10:00:00Z')

function living(ttl: string | undefined, metadata: Record<string, unknown> = {}): Environment {
  const object = environment('alice', { base: 'base', ...(ttl !== undefined && { ttl }) }, metadata)
  const { value, problems } = parseEnvironment(object)
  if (value === undefined) throw new Error(JSON.stringify(problems))
  return value
}

test('an environment expires its ttl after its creation', () => {
  expect(endsAtMs(living('1h30m'))).toBe(CREATED_MS + 5_400_000)
  expect(endsAtMs(living(undefined))).toBeUndefined()
  expect(endsAtMs(living('1m', { creationTimestamp: undefined }))).toBeUndefined()
  expect(endsAtMs(living('1m', { creationTimestamp: 'yesterday' }))).toBeUndefined()
})

test('which environments have expired, and when the next one expires', () => {
  const all = new Map([
    ['a/a', living('1m')],
    ['b/b', living('999999h')],
    ['c/c', living('2h')],
    ['d/d', living(undefined)],
  ])
  expect(expiredAt(all, CREATED_MS + 59_999)).toEqual({ expired: new Set(), nextMs: CREATED_MS + 60_000 })
  expect(expiredAt(all, CREATED_MS + 60_000)).toEqual({
    expired: new Set(['a/a']),
    nextMs: CREATED_MS + 7_200_000,
  })
  expect(expiredAt(new Map(), 0)).toEqual({ expired: new Set(), nextMs: undefined })
})

describe('what holds an environment', () => {
  test.each([
    [{}, undefined],
    [{ labels: { 'app.kubernetes.io/managed-by': 'cdk8s' } }, undefined],
    [{ annotations: { 'argocd.argoproj.io/tracking-id': 'x' } }, 'annotation argocd.argoproj.io/tracking-id'],
    [{ labels: { 'argocd.argoproj.io/instance': 'x' } }, 'label argocd.argoproj.io/instance'],
    [{ labels: { 'app.kubernetes.io/instance': 'x' } }, 'label app.kubernetes.io/instance'],
    [{ labels: { 'kustomize.toolkit.fluxcd.io/name': 'x' } }, 'label kustomize.toolkit.fluxcd.io/name'],
    [{ annotations: { 'meta.helm.sh/release-name': 'x' } }, 'annotation meta.helm.sh/release-name'],
    [{ annotations: { 'branchline.dev/expiry': 'keep' } }, 'annotation branchline.dev/expiry'],
    [
      { annotations: { 'branchline.dev/expiry': 'delete', 'argocd.argoproj.io/tracking-id': 'x' } },
      undefined,
    ],
    [
      { annotations: { 'branchline.dev/expiry': 'soon', 'argocd.argoproj.io/tracking-id': 'x' } },
      'annotation argocd.argoproj.io/tracking-id',
    ],
  ])('%j', (metadata, holder) => {
    expect(heldBy(living('1h', metadata).metadata)).toBe(holder)
  })
})
