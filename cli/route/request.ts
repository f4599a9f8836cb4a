import { readFile } from 'node:fs/promises'
import { CliError } from '../platform/errors.ts'

/** The request of `route explain`, as the options of the command line give it, which are those of curl. */
export interface RequestOptions {
  readonly method?: string | undefined
  /** `Name: value`. */
  readonly header?: readonly string[] | undefined
  /** Parts of the body, which are joined with `&`. `@FILE` reads a file, and `@-` standard input. */
  readonly data?: readonly string[] | undefined
}

/** A request to send. */
export interface ExplainRequest {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

/** Reads the options. Throws an error with a sentence that names the wrong one. */
export async function requestOf(
  url: string,
  { method, header = [], data }: RequestOptions,
  readStdin: () => Promise<string>,
): Promise<ExplainRequest> {
  const headers = Object.fromEntries(header.map(parseHeader))
  const request = { url: withScheme(url), headers, body: undefined }
  if (data === undefined) return { ...request, method: method ?? 'GET' }
  const parts = await Promise.all(data.map((part) => bytesOf(part, readStdin)))
  const separated = parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('&'), part]))
  return {
    ...request,
    method: method ?? 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: Buffer.concat(separated),
  }
}

/** A URL, also without a scheme: `web--alice.localhost:8080/cart`. Like curl, without one it means http. */
export function withScheme(text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const parsed = URL.parse(url)
  if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.hostname !== '') return parsed.href
  throw new CliError(
    'BL_USAGE',
    `${text} is not a URL: wanted one of a preview, such as http://web--alice.localhost:8080/cart`,
  )
}

function parseHeader(text: string): [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*([^\r\n]*)$/.exec(text) ?? []
  if (name !== undefined && value !== undefined) return [name.toLowerCase(), value.trimEnd()]
  throw new CliError('BL_USAGE', `-H ${JSON.stringify(text)}: wanted "Name: value"`)
}

async function bytesOf(part: string, readStdin: () => Promise<string>): Promise<Buffer> {
  if (!part.startsWith('@')) return Buffer.from(part)
  return part === '@-' ? Buffer.from(await readStdin()) : readFile(part.slice(1))
}
