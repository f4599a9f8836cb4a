import { refusal } from '@branchline/wire/circuits/problem'
import type { ApiLimits } from './limits.ts'

/** Reads a body up to the limit. Throws refusals. */
export async function readBody(request: Request, { bodyBytes, bodyMs }: ApiLimits): Promise<Buffer> {
  const tooLarge = refusal('too-large', {
    detail: `The body has more than ${bodyBytes} bytes.`,
    remedy: 'Split a bulk call into several.',
  })
  if (Number(request.headers.get('content-length') ?? 0) > bodyBytes) throw tooLarge
  if (request.body === null) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reader = request.body.getReader()
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), bodyMs)
  try {
    for (;;) {
      const { value, done } = (await reader.read()) as { value?: Uint8Array; done: boolean }
      if (done || value === undefined) return Buffer.concat(chunks)
      bytes += value.byteLength
      if (bytes > bodyBytes) throw tooLarge
      chunks.push(value)
    }
  } finally {
    clearTimeout(timer)
    reader.releaseLock()
  }
}

const JSON_TYPES = ['application/json']
const PATCH_TYPES = ['application/merge-patch+json', 'application/json']
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses a body as JSON. Throws refusals. */
export function parseJson(body: Buffer, contentType: string | null, isPatch: boolean): unknown {
  const types = isPatch ? PATCH_TYPES : JSON_TYPES
  const [type = ''] = (contentType ?? '').split(';', 1)
  if (!types.includes(type.trim().toLowerCase())) {
    throw refusal('unsupported-media-type', { remedy: `Send ${types.join(' or ')}.` })
  }
  try {
    return JSON.parse(utf8.decode(body))
  } catch (error) {
    throw refusal('invalid-request', { detail: `The body is not JSON in UTF-8: ${(error as Error).message}` })
  }
}
