import type { PodTemplate } from '../kubernetes.ts'
import type { KubernetesObject } from './object.ts'

/** Where each kind of workload has its pod template. */
const TEMPLATE_PATHS: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
}

/** The path of a workload's pod template. Undefined for other kinds. */
export const templatePath = ({ kind }: KubernetesObject): readonly string[] | undefined =>
  TEMPLATE_PATHS[kind]

/** The pod template of a workload. Undefined for other kinds. */
export function podTemplateOf(object: KubernetesObject): PodTemplate | undefined {
  let value: unknown = templatePath(object) === undefined ? undefined : object
  for (const part of templatePath(object) ?? [])
    value = (value as Record<string, unknown> | undefined)?.[part]
  return value as PodTemplate | undefined
}

/** A copy of a workload with another pod template. */
export function withPodTemplate(object: KubernetesObject, template: PodTemplate): KubernetesObject {
  return replaced(object, templatePath(object) ?? [], template) as KubernetesObject
}

function replaced(value: unknown, path: readonly string[], part: unknown): unknown {
  const [name, ...rest] = path
  if (name === undefined) return part
  const map = value as Record<string, unknown>
  return { ...map, [name]: replaced(map[name], rest, part) }
}
