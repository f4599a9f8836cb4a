import { expect, test } from 'vitest'
import { requiredPorts } from './required-ports.ts'

const container = (name: string, ...ports: number[]) => ({
  name,
  ports: ports.map((containerPort) => ({ containerPort })),
})
const inbound = (line: string) => ({ 'branchline.dev/inbound': line })

test.each([
  ['without a sidecar, all that it declares', ['app', 80, 90], {}, { served: [80, 90], declared: [] }],
  [
    'with one, what a Service leads to',
    ['app', 80, 90],
    inbound('25001=80/http'),
    { served: [80], declared: [90] },
  ],
  [
    'a port that nothing declares is the first app’s',
    ['app'],
    inbound('25001=80/http'),
    { served: [80], declared: [] },
  ],
  ['an invalid annotation does not count', ['app', 80], inbound('80'), { served: [80], declared: [] }],
] as const)('%s', (_name, [name, ...ports], annotations, expected) => {
  const app = container(name, ...ports)
  const pod = { containers: [app, container('log', 70)] }
  expect(requiredPorts(app, pod, annotations)).toEqual(expected)
})

test('each container has its own ports, and UDP does not count', () => {
  const app = container('app')
  const log = { name: 'log', ports: [{ containerPort: 70 }, { containerPort: 71, protocol: 'UDP' as const }] }
  const pod = { containers: [app, log] }
  const annotations = inbound('25001=80/http,25002=70/http')
  expect(requiredPorts(app, pod, annotations).served).toEqual([80])
  expect(requiredPorts(log, pod, annotations)).toEqual({ served: [70], declared: [] })
  const sidecar = container('branchline-sidecar', 25001)
  expect(requiredPorts(sidecar, pod, annotations).served).toEqual([25001])
})
