import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Manifest } from './inject.ts'

interface Model {
  validate(): void
}

/**
 * Why Kubernetes' own schemas (kubernetes-models) refuse a manifest, or undefined. They judge types and
 * required fields; a field that they do not know passes them, which an API server alone refuses.
 */
export async function whyInvalid(manifest: Manifest): Promise<string | undefined> {
  const { apiVersion, kind } = manifest
  const module = `kubernetes-models/${apiVersion}/${kind}`
  const file = fileURLToPath(import.meta.resolve('kubernetes-models')).replace(
    /index\.js$/,
    `${apiVersion}/${kind}.js`,
  )
  if (!existsSync(file))
    return apiVersion.startsWith('branchline.dev/') ? undefined : `${module} is not there`
  const models = (await import(module)) as Record<string, new (data: unknown) => Model>
  const Model = models[kind]
  if (Model === undefined) return `${module} has no ${kind}`
  try {
    new Model(manifest).validate()
    return undefined
  } catch (error) {
    return `${kind} ${manifest.metadata.name}: ${(error as Error).message}`
  }
}

interface Pod {
  hostNetwork?: boolean
  securityContext?: { runAsNonRoot?: boolean; seccompProfile?: { type?: string } }
  containers: { name: string; securityContext?: Record<string, unknown> }[]
  initContainers?: Pod['containers']
}

/** What Pod Security `restricted` has against a pod (Kubernetes: Pod Security Standards). */
export function againstRestricted(pod: Pod): string[] {
  const found: string[] = []
  if (pod.hostNetwork === true) found.push('hostNetwork')
  for (const { name, securityContext = {} } of [...(pod.initContainers ?? []), ...pod.containers]) {
    const own = securityContext as {
      allowPrivilegeEscalation?: boolean
      capabilities?: { drop?: string[]; add?: string[] }
      runAsNonRoot?: boolean
      seccompProfile?: { type?: string }
    }
    if (own.allowPrivilegeEscalation !== false) found.push(`${name}: allowPrivilegeEscalation`)
    if (own.capabilities?.drop?.includes('ALL') !== true || own.capabilities.add !== undefined) {
      found.push(`${name}: capabilities`)
    }
    if ((own.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) !== true) found.push(`${name}: runAsNonRoot`)
    const profile = own.seccompProfile?.type ?? pod.securityContext?.seccompProfile?.type
    if (profile !== 'RuntimeDefault') found.push(`${name}: seccompProfile`)
  }
  return found
}
