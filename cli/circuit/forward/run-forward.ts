import { readFile } from 'node:fs/promises'
import { printableLine } from '@branchline/runtime/local/printable'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import type { TunnelLinkError } from '@branchline/runtime/tunnel/index'
import { CliError } from '../../platform/errors.ts'
import { forwardCircuit } from './forward.ts'

/** Options of `branchline circuit forward`. */
export interface RunForwardOptions {
  readonly local?: number
  readonly relay?: string
  readonly tokenFile?: string
}

/** Runs `branchline circuit forward` until Ctrl-C. Throws a {@link CliError} if the relay refuses access. */
export async function runForward(circuit: string, options: RunForwardOptions): Promise<void> {
  const relay = relayOf(options.relay ?? process.env['BRANCHLINE_RELAY_URL'] ?? 'http://localhost:8080')
  const token = await tokenOf(options.tokenFile)
  const forward = await forwardCircuit({
    circuit,
    relay,
    token,
    port: options.local ?? 0,
    onUp: (port) => print(`127.0.0.1:${port} leads to ${circuit}`),
    onDown: ({ message }, waitMs) =>
      print(`${relay}: ${message}; the next attempt is in ${Math.ceil(waitMs / 1_000)} s`),
    onRefused: (reason) => print(`a connection was refused: ${reason}`),
  })
  const stop = (): void => forward.stop()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  const error = await forward.ended
  if (error !== undefined)
    throw new CliError('BL_TARGET', sentenceOf(error, circuit, relay), { cause: error })
}

const print = (line: string): void => void process.stdout.write(`${printableLine(line)}\n`)

function relayOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin
  throw new CliError('BL_USAGE', `--relay is "${text}": wanted an http:// or https:// URL`)
}

/** Not an option of its own, because other users of the machine see the arguments of a process. */
async function tokenOf(file: string | undefined): Promise<string> {
  const text = file === undefined ? (process.env['BRANCHLINE_TOKEN'] ?? '') : await readFile(file, 'utf8')
  const token = text.trim()
  if (
    token.startsWith(TOKEN_PREFIX.access) ||
    token.startsWith(TOKEN_PREFIX.key) ||
    (token === '' && file === undefined)
  )
    return token
  throw new CliError(
    'BL_USAGE',
    `the token of ${file ?? 'BRANCHLINE_TOKEN'} is not one: wanted blc_… or blk_…`,
  )
}

function sentenceOf({ status, message }: TunnelLinkError, circuit: string, relay: string): string {
  if (status === 401)
    return `${circuit}: the token does not open it, or there is no such circuit: set BRANCHLINE_TOKEN to an access token of the circuit`
  if (status === 403) return `${circuit}: it accepts only certain addresses, and yours is not one of them`
  if (status === 404 || status === 426) return `${relay} is not a relay that forwards TCP: check --relay`
  return `${circuit}: ${message}`
}
