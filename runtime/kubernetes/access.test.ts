import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kubeConfigAccess, podAccess } from './access.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'service-account-'))
  await writeFile(join(folder, 'token'), 'first\n')
  await writeFile(join(folder, 'ca.crt'), 'certificate')
})
afterAll(() => rm(folder, { recursive: true }))

test('a pod sends its current token', async () => {
  const access = podAccess({ KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' }, folder)
  expect(access?.server).toBe('https://10.0.0.1:6443')
  expect(await access?.credentials()).toMatchObject({ headers: { authorization: 'Bearer first' } })
  await writeFile(join(folder, 'token'), 'second')
  expect(await access?.credentials()).toEqual({
    ca: Buffer.from('certificate'),
    headers: { authorization: 'Bearer second' },
  })
})

test('an IPv6 address is put in brackets', () => {
  expect(podAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder)?.server).toBe('https://[fd00::1]:443')
})

test('outside a pod, there is no pod access', () => {
  expect(podAccess({}, folder)).toBeUndefined()
  expect(podAccess({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, join(folder, 'none'))).toBeUndefined()
})

test('a kubeconfig gives its server and credentials', async () => {
  const kubeConfig = new KubeConfig()
  const cluster = { name: 'c', server: 'https://api.example.com:6443/', skipTLSVerify: true }
  kubeConfig.loadFromClusterAndUser(cluster, { name: 'u', token: 'mine' })
  const access = kubeConfigAccess(kubeConfig)
  expect(access.server).toBe('https://api.example.com:6443')
  expect(await access.credentials()).toMatchObject({
    headers: { Authorization: 'Bearer mine' },
    rejectUnauthorized: false,
  })
  expect(() => kubeConfigAccess(new KubeConfig())).toThrow(/no current context/)
})
