import { createHash } from 'node:crypto'
import { PLATFORM_NAMESPACE } from './names.ts'

/** The longest name that {@link environmentName} returns. It leaves room for a preview in the label of a host. */
export const MAX_ENVIRONMENT_NAME_LENGTH = 40
const HASH_DIGITS = 8
const RESERVED = /^(?:default|kube-.*)$/

/**
 * Returns the name of the environment of a git branch: lower-case letters, digits and single inner hyphens, such as
 * `feature-x-1` for `feature/X_1`. A name of more than 40 characters is cut and ends in a hash of the branch. So do
 * names in which nothing of the branch remains, and names that Kubernetes or the platform reserve. Two branches whose
 * names differ only in case or in other characters share a name.
 */
export function environmentName(branch: string): string {
  const name = branch
    .replace(/^refs\/heads\//, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const isReserved = RESERVED.test(name) || name === PLATFORM_NAMESPACE
  if (name !== '' && !isReserved && name.length <= MAX_ENVIRONMENT_NAME_LENGTH) return name
  const hash = createHash('sha256').update(branch).digest('hex').slice(0, HASH_DIGITS)
  const start = isReserved || name === '' ? `branch-${name}` : name
  return `${start.slice(0, MAX_ENVIRONMENT_NAME_LENGTH - HASH_DIGITS - 1).replace(/-+$/, '')}-${hash}`
}
