/** The value of an environment variable, or the source from which Kubernetes reads it. */
export type EnvironmentValue =
  | string
  | number
  | boolean
  | { readonly secret: string; readonly key: string }
  | { readonly configMap: string; readonly key: string }
  | { readonly field: string }

/** Returns the variable of a container. */
export function variableOf(
  name: string,
  value: EnvironmentValue,
): { name: string; [field: string]: unknown } {
  if (typeof value !== 'object') return { name, value: String(value) }
  if ('secret' in value) return { name, valueFrom: { secretKeyRef: { name: value.secret, key: value.key } } }
  if ('configMap' in value) {
    return { name, valueFrom: { configMapKeyRef: { name: value.configMap, key: value.key } } }
  }
  return { name, valueFrom: { fieldRef: { fieldPath: value.field } } }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/

/** Returns the faults of variables, each as the rest of a sentence that begins with the workload. */
export function* variableFaults(env: Readonly<Record<string, unknown>>, field = 'env'): Generator<string> {
  for (const [name, value] of Object.entries(env)) {
    if (!NAME.test(name)) yield `${field} has ${JSON.stringify(name)}: wanted a name such as LOG_LEVEL`
    else if (!isValue(value)) {
      yield (
        `${field}.${name} is ${shown(value)}: wanted a text, a number, a boolean, { secret, key }, ` +
        '{ configMap, key } or { field }; give it a value, or leave it out'
      )
    }
  }
}

function isValue(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isNaN(value)
  if (typeof value !== 'object' || value === null) return ['string', 'boolean'].includes(typeof value)
  const { secret, configMap, key, field } = value as Record<string, unknown>
  if (secret !== undefined || configMap !== undefined) return isText(secret ?? configMap) && isText(key)
  return isText(field)
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
