import { printable } from '@branchline/runtime/local/printable'
import type { AccessToken, ApiKey, JoinToken, Scope } from '@branchline/wire/circuits/credential'
import { age } from '../output/age.ts'
import { type Cell, type Column, type Row } from '../output/table.ts'
import { terminal } from '../output/terminal.ts'
import type { ApiOptions } from './api/choose.ts'
import { openApi } from './api/connect.ts'
import type { Format } from './api/options.ts'
import { readAll } from './api/pages.ts'
import { dataText, listText } from './api/print.ts'

type Output = { readonly output?: Format | undefined }
export type ListOptions = ApiOptions & Output

/** Options of a new credential. */
export interface NewOptions extends ApiOptions, Output {
  readonly expires?: string
}

/** A credential with its secret, which is printed once. */
interface Created {
  readonly id: string
  readonly secret: string
  readonly expiresAt?: string | undefined
}

/**
 * Prints a new credential: its secret alone on standard output, so that scripts can read it, and what to do with it on
 * standard error.
 */
export function printCreated(created: Created, use: string, { output }: Output): void {
  const data = dataText(created, output)
  const until = created.expiresAt === undefined ? 'It never expires' : `It expires at ${created.expiresAt}`
  if (data === undefined) process.stderr.write(printable(`${use}\n${until}. It is shown only now:\n`))
  process.stdout.write(data ?? `${created.secret}\n`)
}

/** Runs `branchline relay key create` at the API. */
export async function runCreateKey(
  name: string,
  options: NewOptions & { readonly scope: readonly Scope[] },
): Promise<void> {
  const { scope, expires: expiresIn } = options
  const created = await openApi(options).call((client) =>
    client.createKey({ body: { name, scopes: [...scope], expiresIn } }),
  )
  printCreated(created, KEY_USE, options)
}

/** How to use a new API key. */
export const KEY_USE = 'An API key: set BRANCHLINE_API_KEY, or store it with branchline relay login.'

/** Runs `branchline relay token create`. */
export async function runCreateToken(
  name: string,
  options: NewOptions & { readonly circuit?: readonly string[] },
): Promise<void> {
  const { circuit, expires: expiresIn } = options
  const circuits = circuit && [...circuit]
  const created = await openApi(options).call((client) =>
    client.createAccessToken({ body: { name, circuits, expiresIn } }),
  )
  const what = circuit === undefined ? 'every circuit of the organization' : circuit.join(', ')
  printCreated(
    created,
    `An access token for ${what}: paste it where the browser asks, send it as "Authorization: Bearer …", ` +
      'or set BRANCHLINE_TOKEN for branchline circuit forward.',
    options,
  )
}

/** Runs `branchline relay join-token create`. */
export async function runCreateJoinToken(
  name: string,
  options: NewOptions & { readonly group?: string; readonly uses?: number },
): Promise<void> {
  const { group, uses: maxUses, expires: expiresIn } = options
  const api = openApi(options)
  const created = await api.call((client) =>
    client.createJoinToken({ body: { name, group, maxUses, expiresIn } }),
  )
  printCreated(
    created,
    `A join token for workers of the group ${created.group}: store it in a file, then ` +
      `branchline relay --role worker --coordinator ${api.url} --join-token-file FILE`,
    options,
  )
}

/** Runs `branchline relay key list`. */
export async function runListKeys(options: ListOptions): Promise<void> {
  const { items } = await openApi(options).call((client) => readAll((query) => client.listKeys({ query })))
  const now = Date.now()
  print(items, KEY_COLUMNS, (one) => keyRow(one, now), options)
}

/** Runs `branchline relay token list`. */
export async function runListTokens(options: ListOptions): Promise<void> {
  const { items } = await openApi(options).call((client) =>
    readAll((query) => client.listAccessTokens({ query })),
  )
  const now = Date.now()
  print(items, TOKEN_COLUMNS, (one) => tokenRow(one, now), options, 'no access tokens')
}

/** Runs `branchline relay join-token list`. */
export async function runListJoinTokens(options: ListOptions): Promise<void> {
  const { items } = await openApi(options).call((client) =>
    readAll((query) => client.listJoinTokens({ query })),
  )
  const now = Date.now()
  print(items, JOIN_COLUMNS, (one) => joinRow(one, now), options, 'no join tokens')
}

function print<T>(
  items: readonly T[],
  columns: readonly Column[],
  rowOf: (item: T) => Row,
  { output }: Output,
  none?: string,
): void {
  if (items.length === 0 && none !== undefined) process.stderr.write(`${none}\n`)
  process.stdout.write(listText(items, columns, rowOf, output, terminal()))
}

/** The kinds of credentials that can be revoked. */
export type Revocable = 'key' | 'token' | 'join-token'

/** Runs `branchline relay key|token|join-token revoke`. */
export async function runRevoke(kind: Revocable, id: string, options: ApiOptions): Promise<void> {
  await openApi(options).call((client) => {
    const call = { params: { id } }
    if (kind === 'key') return client.revokeKey(call)
    return kind === 'token' ? client.revokeAccessToken(call) : client.revokeJoinToken(call)
  })
  process.stdout.write(printable(`revoked ${id}\n`))
}

const KEY_COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'STATE' },
  { title: 'SCOPES', spill: true },
  { title: 'PREFIX', drop: 1 },
  { title: 'LAST USE' },
  { title: 'AGE', drop: 2 },
  { title: 'ID', spill: true },
]

const keyRow = (key: ApiKey, nowMs: number): Row => ({
  cells: [
    key.name,
    stateOf(key, nowMs),
    key.scopes.join(','),
    key.prefix,
    age(key.lastUsedAt, nowMs),
    age(key.createdAt, nowMs),
    key.id,
  ],
})

const TOKEN_COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'STATE' },
  { title: 'CIRCUITS', spill: true },
  { title: 'AGE', drop: 1 },
  { title: 'ID', spill: true },
]

const tokenRow = (token: AccessToken, nowMs: number): Row => ({
  cells: [
    token.name,
    stateOf(token, nowMs),
    token.circuits?.join(',') ?? 'organization',
    age(token.createdAt, nowMs),
    token.id,
  ],
})

const JOIN_COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'STATE' },
  { title: 'GROUP' },
  { title: 'USES' },
  { title: 'AGE', drop: 1 },
  { title: 'ID', spill: true },
]

const joinRow = (token: JoinToken, nowMs: number): Row => ({
  cells: [
    token.name,
    stateOf(token, nowMs),
    token.group,
    token.maxUses === undefined ? String(token.uses) : `${token.uses}/${token.maxUses}`,
    age(token.createdAt, nowMs),
    token.id,
  ],
})

/** `valid`, `30d` until it expires, `expired` or `revoked`. */
function stateOf(
  {
    expiresAt,
    revokedAt,
  }: { readonly expiresAt?: string | undefined; readonly revokedAt?: string | undefined },
  nowMs: number,
): Cell {
  if (revokedAt !== undefined) return { text: 'revoked', tone: 'bad' }
  if (expiresAt === undefined) return { text: 'valid', tone: 'good' }
  const end = Date.parse(expiresAt)
  if (end <= nowMs) return { text: 'expired', tone: 'bad' }
  return { text: `valid for ${age(new Date(nowMs).toISOString(), end)}`, tone: 'good' }
}
