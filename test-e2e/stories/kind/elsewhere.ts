import { setTimeout as delay } from 'node:timers/promises'
import { kube } from '../../harness/kind/cluster.ts'
import { apply, dial, type From, podNamed } from '../../harness/kind/probes.ts'

/** A namespace without an environment, with a pod that listens and a pod that connects. */
const ELSEWHERE = 'elsewhere'
export const ELSEWHERE_PORT = 8080
export const DIALLER: From = { namespace: ELSEWHERE, pod: 'dialler', container: 'main' }

const ENFORCED_TIMEOUT_MS = 30_000
const LISTEN = `require('node:net').createServer((s) => s.end('x')).listen(${ELSEWHERE_PORT}, '0.0.0.0')`
const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
}

const pod = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: ELSEWHERE, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    securityContext: POD_SECURITY,
    containers: [
      {
        name: 'main',
        image: 'shop/web:1',
        command: ['node', '-e', LISTEN],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
})

/** Creates the namespace and its two pods, and waits until they are ready. */
export async function makeElsewhere(): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ELSEWHERE } }
  await apply([namespace, pod('dialler'), pod('listener')])
  await kube('-n', ELSEWHERE, 'wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s')
}

export const removeElsewhere = (): Promise<string> =>
  kube('delete', 'namespace', ELSEWHERE, '--ignore-not-found', '--wait=false')

/** Returns the address of the pod that listens. */
export const listener = async (): Promise<string> => (await podNamed(ELSEWHERE, 'listener')).ip

/** Tests whether the cluster enforces NetworkPolicies, because many clusters accept them without effect. */
export async function enforcesPolicies(): Promise<boolean> {
  const address = await listener()
  if ((await dial(DIALLER, address, ELSEWHERE_PORT)) !== 'open')
    throw new Error('the listener does not accept connections')
  const metadata = { name: 'nothing-in', namespace: ELSEWHERE }
  const spec = { podSelector: { matchLabels: { app: 'listener' } }, policyTypes: ['Ingress'] }
  await apply([{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec }])
  try {
    const until = performance.now() + ENFORCED_TIMEOUT_MS
    while (performance.now() < until) {
      if ((await dial(DIALLER, address, ELSEWHERE_PORT)) !== 'open') return true
      await delay(500)
    }
    return false
  } finally {
    await kube('-n', ELSEWHERE, 'delete', 'networkpolicy', metadata.name)
  }
}
