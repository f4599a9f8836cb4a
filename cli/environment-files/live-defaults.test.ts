import { expect, test } from 'vitest'
import { withoutLiveDefaults } from './live-defaults.ts'

test('a Deployment of the API server becomes what was applied', () => {
  // As an API server 1.33 returns it, without metadata.
  const live = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      progressDeadlineSeconds: 600,
      replicas: 2,
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
      template: {
        metadata: { creationTimestamp: null, labels: { app: 'web' } },
        spec: {
          containers: [
            {
              env: [
                { name: 'POD', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
              ],
              image: 'nginx:1',
              imagePullPolicy: 'Always',
              name: 'web',
              ports: [{ containerPort: 80, protocol: 'TCP' }],
              readinessProbe: {
                failureThreshold: 3,
                httpGet: { path: '/', port: 80, scheme: 'HTTP' },
                periodSeconds: 5,
                successThreshold: 1,
                timeoutSeconds: 1,
              },
              resources: {},
              terminationMessagePath: '/dev/termination-log',
              terminationMessagePolicy: 'File',
            },
          ],
          dnsPolicy: 'ClusterFirst',
          restartPolicy: 'Always',
          schedulerName: 'default-scheduler',
          securityContext: {},
          terminationGracePeriodSeconds: 30,
          volumes: [{ configMap: { defaultMode: 420, name: 'files' }, name: 'files' }],
        },
      },
    },
    status: { replicas: 2 },
  }
  expect(withoutLiveDefaults(live)).toEqual({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              image: 'nginx:1',
              imagePullPolicy: 'Always',
              name: 'web',
              ports: [{ containerPort: 80 }],
              readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 5 },
            },
          ],
          volumes: [{ configMap: { name: 'files' }, name: 'files' }],
        },
      },
    },
  })
})

test('a Service of a cluster with one family loses it, and one with two keeps them', () => {
  const service = (spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec })
  const single = {
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    type: 'ClusterIP',
    sessionAffinity: 'None',
  }
  expect(withoutLiveDefaults(service({ ...single, ports: [{ port: 80, protocol: 'TCP' }] })).spec).toEqual({
    ports: [{ port: 80 }],
  })
  const dual = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack', type: 'NodePort' }
  expect(withoutLiveDefaults(service(dual)).spec).toEqual(dual)
})

test('data stays as it is', () => {
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { resources: '{}' } }
  expect(withoutLiveDefaults(config)).toEqual(config)
})
