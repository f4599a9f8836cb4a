import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { KubernetesError } from './errors.ts'

/** The address of the API server, and the credentials for it. */
export interface ApiAccess {
  /** The URL before every path, without a slash at its end. */
  readonly server: string
  /** The current headers and certificates. They rotate, so callers must not keep them for long. */
  credentials(): Promise<RequestOptions>
}

type Variables = Readonly<Record<string, string | undefined>>

/** The folder into which the kubelet mounts a pod's credentials (ServiceAccount admission). */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * A pod's access, with the token of its ServiceAccount and the variables of the `kubernetes` Service. Undefined
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

/** The access that a kubeconfig describes. Supports every login method of the client library. */
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
      // The library's agent closes each connection. Keep it only where a proxy needs it.
      if (cluster.proxyUrl === undefined) delete options.agent
      return options
    },
  }
}

/**
 * The pod's access inside a pod, otherwise the user's (KUBECONFIG, ~/.kube/config). Only the latter loads the
 * client library, which costs 90 MB of memory and a quarter of a second.
 */
export async function loadAccess(variables: Variables): Promise<ApiAccess> {
  const own = variables['KUBECONFIG'] === undefined ? podAccess(variables) : undefined
  if (own !== undefined) return own
  const { KubeConfig } = await import('@kubernetes/client-node')
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromDefault()
  return kubeConfigAccess(kubeConfig)
}
