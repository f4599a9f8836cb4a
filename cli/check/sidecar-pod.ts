import { injectEnvironments, type Manifest } from '@branchline/cdk8s/inject'
import { API_VERSION } from '@branchline/wire/names'

const NAME = 'branchline-check'
const LABELS = { app: NAME }

/**
 * A pod with the sidecar, as injection writes it, for a dry run in a namespace. Its app needs no right that the Pod
 * Security Standard `restricted` refuses, so a refusal concerns the sidecar, or every pod.
 */
export function sidecarPod(namespace: string): Manifest {
  const { manifests } = injectEnvironments([
    {
      apiVersion: API_VERSION,
      kind: 'Environment',
      metadata: { name: NAME, namespace },
      spec: { type: 'shared' },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME, namespace },
      spec: { selector: LABELS, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: NAME, namespace, labels: LABELS },
      spec: { automountServiceAccountToken: false, containers: [APP] },
    },
  ])
  return manifests.find(({ kind }) => kind === 'Pod') as Manifest
}

const APP = {
  name: 'app',
  image: 'branchline/check:1',
  ports: [{ containerPort: 8080 }],
  resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    runAsUser: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  },
}
