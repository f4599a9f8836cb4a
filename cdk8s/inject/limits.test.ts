import { describe, expect, test } from 'vitest'
import { deployment, findings, object, service } from './objects.fixture.ts'

const api = [deployment('api'), service('api')]
const quota = (hard: object) => object('v1', 'ResourceQuota', 'q', { spec: { hard } })
const range = (item: object, type = 'Container') =>
  object('v1', 'LimitRange', 'l', { spec: { limits: [{ type, ...item }] } })

describe('a ResourceQuota', () => {
  test('counts the sidecars', () => {
    expect(
      findings([...api, quota({ pods: '10', 'requests.cpu': '2', memory: '4Gi', 'limits.memory': '8Gi' })]),
    ).toEqual([
      'QuotaCounts: ResourceQuota "q" counts the sidecars: each pod of Deployment "api" needs 10m of requests.cpu, ' +
        '64Mi of memory, 192Mi of limits.memory more',
    ])
  })
  test('refuses pods whose sidecar lacks what it counts', () => {
    expect(findings([...api, quota({ 'limits.cpu': '4' })])).toEqual([
      'LimitRefuses: ResourceQuota "q" wants limits.cpu of every container, which the sidecars do not have, so pods of ' +
        'Deployment "api" are refused: set --sidecar-cpu-limit 500m, or the annotation branchline.dev/sidecar-cpu-limit',
    ])
  })
  test('is content with the default of a LimitRange', () => {
    expect(findings([...api, quota({ 'limits.cpu': '4' }), range({ default: { cpu: '200m' } })])).toEqual([
      expect.stringMatching(/^QuotaCounts: .* needs 200m of limits.cpu more$/),
    ])
  })
  test.each([
    ['that counts pods', [...api, quota({ pods: '10' })]],
    [
      'of another namespace',
      [...api, { ...quota({ cpu: '1' }), metadata: { name: 'q', namespace: 'other' } }],
    ],
    ['without a sidecar', [deployment('api'), quota({ cpu: '1' })]],
  ])('%s is no finding', (_, manifests) => {
    expect(findings(manifests)).toEqual([])
  })
})

describe('a LimitRange', () => {
  test('names every bound that the sidecar does not keep, and the options that do', () => {
    expect(
      findings([...api, range({ min: { cpu: '50m', memory: '96Mi' }, max: { memory: '128Mi' } })]),
    ).toEqual([
      'LimitRefuses: LimitRange "l" refuses pods of Deployment "api", because of their sidecar: requests.cpu is 10m, below ' +
        'the minimum 50m, requests.memory is 64Mi, below the minimum 96Mi, limits.memory is 192Mi, above the maximum ' +
        '128Mi; set --sidecar-cpu 50m and --sidecar-memory 96Mi and --sidecar-memory-limit 128Mi, or the annotations ' +
        'branchline.dev/sidecar-cpu, branchline.dev/sidecar-memory, branchline.dev/sidecar-memory-limit',
    ])
  })
  test('is content once these are set', () => {
    const sidecar = { cpu: '50m', memory: '96Mi', memoryLimit: '128Mi' }
    const bounds = range({ min: { cpu: '50m', memory: '96Mi' }, max: { memory: '128Mi' } })
    expect(findings([...api, bounds], { sidecar })).toEqual([])
  })
  test.each([
    ['of pods', range({ max: { memory: '1Mi' } }, 'Pod')],
    ['that the sidecar keeps', range({ min: { cpu: '1m' }, max: { cpu: '2', memory: '1Gi' } })],
  ])('%s is no finding', (_, it) => {
    expect(findings([...api, it])).toEqual([])
  })
})
