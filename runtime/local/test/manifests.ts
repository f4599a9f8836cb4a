import { until } from '../../testing/until.ts'
import type { TestCluster } from './harness.ts'

export const metadata = (name: string) => ({ name, namespace: 'shop' })
export const template = (spec: object) => ({ metadata: { labels: { app: 'a' } }, spec })
export const deployment = (spec: object, name = 'a'): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata(name),
  spec: { selector: { matchLabels: { app: 'a' } }, template: template(spec) },
})
export const job = (spec: object, pod: object, name = 'j'): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: metadata(name),
  spec: { ...spec, template: template({ restartPolicy: 'Never', ...pod }) },
})
export const configMap = (data: object, name = 'settings'): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadata(name),
  data,
})
export const sh = (script: string, name = 'c'): object => ({ name, command: ['sh', '-c', script] })

/** The lines of all pods of a workload, oldest first. */
export const lines = (cluster: TestCluster): string[] =>
  (cluster.cluster.store.list('Pod') as { metadata: { name: string } }[])
    .flatMap(({ metadata: { name } }) => cluster.cluster.logs('shop', name))
    .map(({ text }) => text)
export const said = (cluster: TestCluster, text: string) =>
  until(
    () => lines(cluster).includes(text),
    () => `${text}\n${lines(cluster).join('\n')}\n${cluster.reported.join('\n')}`,
  )
