/* oxlint-disable typescript/no-unsafe-call, typescript/no-unsafe-assignment, typescript/no-unsafe-member-access --
   no types reach a plain script */
/**
 * The oldest Node that runs Branchline: `runtime/http2` passes header fields as lists, which Node takes from 24.7
 * on. The one place that says so: the command, `npm ci`, the bundles and the packages read it here. Runs on any
 * Node.
 */
export const OLDEST_NODE = '24.7.0'

/** Whether a version such as `24.21.0` is the oldest one or a later one. */
export function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_NODE.split('.').map(Number)
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}
