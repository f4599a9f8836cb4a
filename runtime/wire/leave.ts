import { LEAVE_PATH, SIDECAR_ADMIN_PORT } from './names.ts'

/** How long the hook waits for the sidecar, in milliseconds: as long as the injection keeps the app running. */
const LEAVE_TIMEOUT_MS = 5_000

/**
 * The command of the sidecar's preStop hook: it tells the sidecar that its pod is ending, from within the pod. The
 * image has Node and neither a shell nor curl. Exits with 0 once the sidecar has taken it, and with 1 otherwise.
 * The variables are those of the sidecar's container. In the embedded cluster a sidecar has no other loopback address
 * than its pod's.
 */
export const LEAVE_COMMAND: readonly string[] = [
  'node',
  '-e',
  `const { POD_IP = '', BRANCHLINE_ADMIN_PORT = ${SIDECAR_ADMIN_PORT} } = process.env;
const host = POD_IP.startsWith('127.') ? POD_IP : '127.0.0.1', signal = AbortSignal.timeout(${LEAVE_TIMEOUT_MS});
require('http').request({ method: 'POST', host, port: BRANCHLINE_ADMIN_PORT, path: '${LEAVE_PATH}', signal },
  ({ statusCode }) => process.exit(statusCode === 204 ? 0 : 1)).on('error', (e) => { throw e }).end();
`,
]
