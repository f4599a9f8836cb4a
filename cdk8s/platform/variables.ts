import type { SecretKey } from './props.ts'

/** Returns environment variables of a container from texts. Undefined ones are left out. */
export const variables = (said: Readonly<Record<string, string | undefined>>): object[] =>
  Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))

/** Returns an environment variable whose value is in a Secret. */
export const secretVariable = (name: string, { secret, key }: SecretKey): object => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key } },
})
