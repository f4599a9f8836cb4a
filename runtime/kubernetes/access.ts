import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { KubernetesError } from './errors.ts'

/** Where the API server is, and who asks. */
export interface ApiAccess {
  /** The URL before every path, without a slash at its end. */
  readonly server: string
  /** Headers and certificates as they are now: they rotate, so nobody keeps them for long. */
  credentials(): Promise<RequestOptions>
}

type Variables = Readonly<Record<string, string | undefined>>

/** Where a kubelet puts what a pod needs to know (ServiceAccount admission). */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * A pod's access, by its ServiceAccount's token and the variables of the `kubernetes` Service; undefined
 * outside a pod. (Kubernetes: "Accessing the Kubernetes API from a Pod".)
 */
export function podAccess(variables: Variables, folder = SERVICE_ACCOUNT): ApiAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = variables
  if (host === undefined || !existsSync(`${folder}/token`)) return undefined
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async credentials() {
      const [token, ca] = await Promise.all([
        readFile(`${folder}/token`, 'utf8'),
        readFile(`${folder}/ca.crt`),
      ])
      return { ca, headers: { authorization: `Bearer ${token.trim()}` } }
    },
  }
}

/** The access that a kubeconfig gives, with all its ways to log in. */
export function kubeConfigAccess(kubeConfig: KubeConfig): ApiAccess {
  const cluster = kubeConfig.getCurrentCluster()
  if (cluster === null) {
    throw new KubernetesError('kubeconfig: no current context, set one', { retryable: false })
  }
  return {
    server: cluster.server.replace(/\/+$/, ''),
    async credentials() {
      const options: RequestOptions = { headers: {} }
      await kubeConfig.applyToHTTPSOptions(options)
      // The agent that comes with them closes each connection; only a proxy's is worth that.
      if (cluster.proxyUrl === undefined) delete options.agent
      return options
    },
  }
}

/**
 * A pod's access where this is one, else a person's (KUBECONFIG, ~/.kube/config). The client library is
 * loaded for the latter alone: it costs 90 MB and a quarter of a second.
 */
export async function loadAccess(variables: Variables): Promise<ApiAccess> {
  const own = variables['KUBECONFIG'] === undefined ? podAccess(variables) : undefined
  if (own !== undefined) return own
  const { KubeConfig } = await import('@kubernetes/client-node')
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromDefault()
  return kubeConfigAccess(kubeConfig)
}
