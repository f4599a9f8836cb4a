import { systemSentence } from '../../output/system-errors.ts'
import { CliError } from '../../platform/errors.ts'
import { ClientError } from '@branchline/wire/circuits/client'
import { ProblemError } from '@branchline/wire/circuits/problem'
import type { ApiChoice } from './choose.ts'

/** Turns an error of the API's client into sentences with a remedy. Other errors stay as they are. Pure. */
export function asCliError(error: unknown, choice: ApiChoice): unknown {
  if (error instanceof ProblemError) {
    const code = error.is('not-found') ? 'BL_NOT_FOUND' : 'BL_RELAY_REFUSED'
    return new CliError(code, refusalText(error, choice), { cause: error })
  }
  if (error instanceof ClientError)
    return new CliError('BL_TARGET', unreachedText(error, choice), { cause: error })
  return error
}

function refusalText(error: ProblemError, { url, key }: ApiChoice): string {
  const { title, detail, remedy, errors = [] } = error.problem
  if (error.is('unauthorized')) return keyText(url, key)
  const first = detail === undefined ? title : detail.replace(/\.$/, '')
  const faults = errors.map((fault) => `  ${fieldOf(fault.pointer)}: ${fault.detail}`)
  if (faults.length > 0) return [`the relay refuses this:`, ...faults].join('\n')
  return `${first}${remedy === undefined ? '' : `: ${lowerFirst(commandOf(remedy).replace(/\.$/, ''))}`}`
}

/** The last lines say how to get a key, because a relay shows each one only once. */
function keyText(url: string, key: string | undefined): string {
  const what =
    key === undefined
      ? `the relay at ${url} wants an API key`
      : `the relay at ${url} does not accept the API key ${key.slice(0, 8)}…: it is wrong, expired or revoked`
  return [
    `${what}: set BRANCHLINE_API_KEY, or store a key with branchline relay login.`,
    'The relay printed the owner’s key at its first start. If it is lost, make another where the data is:',
    '  branchline relay key create owner --scope admin --state DIR',
  ].join('\n')
}

function unreachedText(error: ClientError, { url }: ApiChoice): string {
  const reason = systemSentence(error, url) ?? error.message
  return [
    `no relay answers: ${reason.replace(/: check the address, and that the server runs$/, '')}.`,
    'Start one with branchline relay --state DIR, or name another with --api URL or BRANCHLINE_API.',
  ].join('\n')
}

/** `/targets/0/address` as `targets[0].address`, and `?limit` as `limit`. */
const fieldOf = (pointer: string): string =>
  pointer
    .replace(/^[/?]/, '')
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~') || 'body'

/** Remedies name calls of the API. */
const commandOf = (remedy: string): string =>
  remedy
    .replace('with GET /api/v1/circuits', 'with branchline circuit ls')
    .replace('Change it with PATCH', 'Change it')

/** Acronyms and names stay. */
const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]* /.test(text) || /^[A-Z][a-z]+$/.test(text) ? text[0]?.toLowerCase() + text.slice(1) : text
