/** An error of Node's system calls, or of its TLS. */
interface SystemError {
  readonly code: string
  readonly path?: string
  readonly address?: string
  readonly port?: number
  readonly hostname?: string
  readonly syscall?: string
}

/** What the sentences name: the file or program, the peer of a connection, the port, the host. */
interface Names {
  readonly file: string
  readonly peer: string
  readonly port: string
  readonly host: string
}

type Sentence = (names: Names) => string

const SENTENCES: Readonly<Record<string, Sentence>> = {
  ENOENT: ({ file }) => `${file} does not exist: check the path`,
  ENOTDIR: ({ file }) => `${file} is not a folder: name the folder`,
  EISDIR: ({ file }) => `${file} is a folder: name a file in it`,
  EACCES: ({ file }) => `${file} may not be read or written by you: check its owner and mode (ls -l)`,
  EPERM: ({ file }) =>
    `${file}: the system does not permit this: check your rights, or the limits of the container that you are in`,
  EEXIST: ({ file }) => `${file} already exists: remove it, or choose another name`,
  EADDRINUSE: ({ port }) => `port ${port} is in use by another program: choose another, or end that program`,
  EADDRNOTAVAIL: ({ peer }) => `${peer} is not an address of this machine: choose another address`,
  ECONNREFUSED: ({ peer }) => `${peer} refuses connections: check the address, and that the server runs`,
  ECONNRESET: ({ peer }) => `${peer} closed the connection: try again, and look at the log of the server`,
  ENOTFOUND: ({ host }) => `the name ${host} does not resolve: check its spelling, and your DNS or VPN`,
  EAI_AGAIN: ({ host }) => `the name ${host} cannot be looked up now: check your network and DNS`,
  ETIMEDOUT: silent,
  UND_ERR_CONNECT_TIMEOUT: silent,
  EHOSTUNREACH: ({ peer }) => `${peer} cannot be reached: check the network or VPN`,
  ENETUNREACH: ({ peer }) => `${peer} cannot be reached: check the network or VPN`,
  ENOSPC: () =>
    'the disk is full, or there are too many file watchers: free space, or raise fs.inotify.max_user_watches',
  EMFILE: () => 'too many files are open: raise the limit (ulimit -n 65536)',
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_HAS_EXPIRED: ({ peer }) => `the certificate of ${peer} has expired: renew it`,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ peer }) =>
    `the certificate of ${peer} is for another name: issue it for this name`,
}

function silent({ peer }: Names): string {
  return `${peer} does not answer: check the address, the network and the firewall`
}

function unknownAuthority({ peer }: Names): string {
  return `${peer} has a certificate of an unknown authority: add that authority`
}

/**
 * One sentence with a remedy for an error of the system, such as ENOENT. `what` names the peer if the error does not.
 * Undefined for other errors. Looks at the causes too.
 */
export function systemSentence(error: unknown, what?: string): string | undefined {
  const found = systemErrorOf(error)
  if (found === undefined) return undefined
  const { code, port, path, syscall = '' } = found
  if (syscall.startsWith('spawn') && code === 'ENOENT') {
    return `${syscall.slice(6) || path} is not installed, or not on the PATH: install it`
  }
  if (syscall === 'listen' && code === 'EACCES') {
    return `port ${port} needs rights that you do not have: use a port from 1024 on`
  }
  return SENTENCES[code]?.(namesOf(found, what))
}

function namesOf({ path, address, port, hostname }: SystemError, what: string | undefined): Names {
  const where = address === undefined ? undefined : `${address}${port === undefined ? '' : `:${port}`}`
  const named = what !== undefined && where !== undefined ? `${what} (${where})` : (what ?? where)
  return {
    file: path ?? what ?? 'the file',
    peer: named ?? 'the server',
    port: String(port),
    host: hostname ?? what ?? 'of the server',
  }
}

const CODE = /^(?:E[A-Z0-9_]+|UND_ERR_\w+|[A-Z_]*CERT[A-Z_]*|UNABLE_TO_\w+)$/
const MAX_CAUSES = 5

/** The first error with a code of the system among an error, the errors that it gathers, and its causes. */
function systemErrorOf(error: unknown, depth = 0): SystemError | undefined {
  if (typeof error !== 'object' || error === null || depth > MAX_CAUSES) return undefined
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown; cause?: unknown }
  if (typeof code === 'string' && CODE.test(code)) return error as SystemError
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  return systemErrorOf(first, depth + 1) ?? systemErrorOf(cause, depth + 1)
}
