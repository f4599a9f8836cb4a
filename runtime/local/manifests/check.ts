import { fieldProblems, parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import type { z } from 'zod'
import { type CronJob, SCHEMAS } from '../kubernetes.ts'
import { scheduleFault } from '../pods/cron.ts'
import type { Problem } from '../types.ts'
import { type KubernetesObject, nameOf, typeOf } from './object.ts'
import { type NameFault, objectNameFaults } from './names.ts'
import { innerNameFaults } from './pod-names.ts'
import { podTemplateOf, templatePath } from './pod-template.ts'
import {
  INERT_KINDS,
  KEPT_KINDS,
  UNSUPPORTED_JOB_FIELDS,
  UNSUPPORTED_KINDS,
  UNSUPPORTED_POD_FIELDS,
} from './support.ts'

type Fault = Pick<Problem, 'severity' | 'field' | 'message' | 'object'>
type Unnamed = Omit<Fault, 'object'>
interface Checked {
  /** The object without unknown fields. Absent if it cannot run. */
  readonly object?: KubernetesObject
  readonly faults: readonly Fault[]
}

/**
 * Checks whether the embedded cluster can run an object. A field that Kubernetes does not have causes a warning and is
 * removed. A field of a wrong type causes an error, and the object is ignored. A field or kind that is not supported
 * causes a warning that says what happens instead.
 */
export function checkObject(object: KubernetesObject): Checked {
  const type = typeOf(object)
  const named = (faults: readonly Unnamed[]): Fault[] =>
    faults.map((fault) => ({ ...fault, object: nameOf(object) }))
  const { name, namespace } = object.metadata
  const misnamed = objectNameFaults(object.kind, name, namespace)
  if (misnamed.length > 0) return { faults: named(misnamed.map(asError)) }
  if (object.kind === 'Environment' || object.kind === 'Preview') return checkOurs(object, named)
  if (KEPT_KINDS.has(type) || INERT_KINDS.has(type)) return { object, faults: [] }
  const schema = SCHEMAS[type]
  if (schema === undefined) {
    const why = UNSUPPORTED_KINDS[type] ?? `of ${object.apiVersion} is not supported: it is ignored`
    return { faults: named([{ severity: 'warning', message: why }]) }
  }
  const result = schema.safeParse(object)
  if (result.success) return checkKnown(object, named, [])
  const faults = fieldProblems(schema, result.error, object)
  if (result.error.issues.some((issue) => issue.code !== 'unrecognized_keys')) {
    return { faults: named(faults.map(asError)) }
  }
  const unknown = faults.map(({ field, message }) => ({ severity: 'warning' as const, field, message }))
  return checkKnown(withoutUnknown(object, result.error), named, unknown)
}

/**
 * The names and paths of an object that Kubernetes refuses. Those inside its spec are judged only if the fields around
 * them have the right types.
 */
export function nameFaults(object: KubernetesObject): NameFault[] {
  const { name, namespace } = object.metadata
  const faults = objectNameFaults(object.kind, name, typeof namespace === 'string' ? namespace : undefined)
  const result = SCHEMAS[typeOf(object)]?.safeParse(object)
  const isReadable =
    result?.error?.issues.every((issue) => issue.code === 'unrecognized_keys') ?? result?.success
  return isReadable === true ? [...faults, ...innerNameFaults(object)] : faults
}

/** Checks an object whose fields are all known: its names, and fields that have no effect here. */
function checkKnown(
  object: KubernetesObject,
  named: (faults: readonly Unnamed[]) => Fault[],
  warnings: readonly Unnamed[],
): Checked {
  const wrong = [...innerNameFaults(object), ...jobFaults(object)]
  if (wrong.length > 0) return { faults: named([...wrong.map(asError), ...warnings]) }
  return { object, faults: named([...warnings, ...unsupportedFields(object)]) }
}

const asError = ({ field, message }: { field: string; message: string }): Unnamed => ({
  severity: 'error',
  field,
  message,
})

function checkOurs(object: KubernetesObject, named: (faults: Unnamed[]) => Fault[]): Checked {
  const parsed = object.kind === 'Environment' ? parseEnvironment(object) : parsePreview(object)
  if (parsed.problems === undefined) return { object, faults: [] }
  return {
    faults: named(parsed.problems.map(asError)),
  }
}

function withoutUnknown(object: KubernetesObject, error: z.ZodError): KubernetesObject {
  const copy = structuredClone(object)
  for (const issue of error.issues) {
    if (issue.code !== 'unrecognized_keys') continue
    let holder: unknown = copy
    for (const part of issue.path) holder = (holder as Record<PropertyKey, unknown>)[part]
    for (const key of issue.keys) delete (holder as Record<string, unknown>)[key]
  }
  return copy
}

/** What Kubernetes refuses in a Job or a CronJob. */
function jobFaults(object: KubernetesObject): { field: string; message: string }[] {
  if (!isJob(object)) return []
  const faults: { field: string; message: string }[] = []
  const { restartPolicy } = podTemplateOf(object)?.spec ?? {}
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    const field = [...(templatePath(object) ?? []), 'spec', 'restartPolicy'].join('.')
    const is = restartPolicy === undefined ? 'is missing: set it to' : `is "${restartPolicy}": wanted`
    faults.push({ field, message: `${field} ${is} Never or OnFailure` })
  }
  if (object.kind !== 'CronJob') return faults
  const { spec } = object as unknown as CronJob
  const wrong = scheduleFault(spec.schedule, spec.timeZone)
  if (wrong !== undefined) {
    const field = `spec.${wrong.field}`
    faults.push({ field, message: `${field} is ${JSON.stringify(spec[wrong.field])}: ${wrong.message}` })
  }
  return faults
}

function unsupportedFields(object: KubernetesObject): Unnamed[] {
  const templateSpec = [...(templatePath(object) ?? []), 'spec']
  const spec = templatePath(object) === undefined ? undefined : valuesAt(object, templateSpec)[0]
  const faults = UNSUPPORTED_POD_FIELDS.flatMap(({ path, why, harmless }) =>
    valuesAt(spec?.value, path.split('.'))
      .filter(({ value }) => harmless?.(value) !== true)
      .map((found) => fault(`${templateSpec.join('.')}.${found.path}`, why)),
  )
  const jobs = UNSUPPORTED_JOB_FIELDS.flatMap((name) =>
    valuesAt(object, [...(templatePath(object) ?? []).slice(0, -1), name]).map((found) =>
      fault(found.path, 'is not supported: it has no effect'),
    ),
  )
  return [...faults, ...(isJob(object) ? jobs : []), ...unsupportedOf(object)]
}

const isJob = ({ kind }: KubernetesObject): boolean => kind === 'Job' || kind === 'CronJob'

const fault = (field: string, why: string): Unnamed => ({
  severity: 'warning',
  field,
  message: `${field} ${why}`,
})

function unsupportedOf(object: KubernetesObject): Unnamed[] {
  if (object.kind === 'Service') {
    return valuesAt(object, ['spec', 'ports', '*', 'protocol'])
      .filter(({ value }) => value !== 'TCP')
      .map(({ path }) => fault(path, 'is not supported: only TCP is forwarded'))
  }
  return valuesAt(object, [...(templatePath(object) ?? []), 'spec', 'volumes', '*'])
    .filter(({ value }) => !VOLUMES.some((type) => type in (value as object)))
    .map(({ path, value }) => {
      const type = Object.keys(value as object).find((key) => key !== 'name') ?? 'type'
      return fault(`${path}.${type}`, 'is not supported: an empty folder is used instead')
    })
}

const VOLUMES = [
  'emptyDir',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
  'hostPath',
  'persistentVolumeClaim',
]

/** The values at a path, each with its own path. `*` stands for every index. */
function valuesAt(value: unknown, path: readonly string[], at = ''): { path: string; value: unknown }[] {
  const [part, ...rest] = path
  if (value === undefined || value === null) return []
  if (part === undefined) return [{ path: at, value }]
  if (part === '*') {
    return Array.isArray(value) ? value.flatMap((item, index) => valuesAt(item, rest, `${at}[${index}]`)) : []
  }
  return valuesAt((value as Record<string, unknown>)[part], rest, at === '' ? part : `${at}.${part}`)
}
