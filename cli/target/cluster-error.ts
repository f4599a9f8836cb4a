import { CliError } from '../platform/errors.ts'
import { systemSentence } from '../output/system-errors.ts'

interface Failure {
  readonly code?: unknown
  readonly body?: unknown
  readonly statusCode?: unknown
  readonly status?: unknown
  readonly message?: string
  readonly cause?: unknown
}

/** Describes a failed call of the client library: what was tried, at which cluster, why it failed, and what to do. */
export function clusterError(what: string, target: string, server: string, error: unknown): CliError {
  if (error instanceof CliError) return error
  const failure = error as Failure
  const status = [failure.code, failure.statusCode, failure.status].find((code) => typeof code === 'number')
  const reason =
    typeof status === 'number' && !isNetwork(failure)
      ? `${messageOf(failure) ?? `the API server answered ${status}`}${REMEDIES[status] ?? ''}`
      : (systemSentence(error, server) ?? failure.message ?? String(error))
  return new CliError('BL_TARGET', `${what} (${target}): ${reason}`, { cause: error })
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: ': the credentials of the kubeconfig are not accepted, so log in again',
  403: ': ask for this right, or limit the command to a namespace with -n',
  404: ': check the name, and that Branchline is installed (branchline check --cluster)',
}

// The library reports a failed connection for logs as status 500 without a body.
const isNetwork = ({ code, body, cause }: Failure): boolean =>
  cause !== undefined || (code === 500 && body === undefined)

/** The message of a metav1.Status, in the body as text or as an object. */
function messageOf({ body, status: code, message: text }: Failure): string | undefined {
  // An ApiError of ours: `GET /path: 403 pods is forbidden`.
  if (typeof code === 'number') return text?.slice(text.indexOf(`: ${code} `) + `: ${code} `.length)
  const status = typeof body === 'string' ? parsed(body) : body
  const { message } = (status ?? {}) as { message?: unknown }
  return typeof message === 'string' && message !== '' ? message : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
