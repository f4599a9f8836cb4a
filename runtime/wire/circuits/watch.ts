import type { Event } from './audit.ts'
import { ClientError, type ClientOptions } from './client.ts'
import { OPERATIONS } from './operations.ts'
import { problem, ProblemError } from './problem.ts'

/**
 * Follows the event stream: yields events until the caller stops or the connection ends. To continue, pass the id of
 * the last event as `after`.
 */
export async function* watchEvents(
  options: ClientOptions & { readonly after?: number; readonly signal?: AbortSignal },
): AsyncGenerator<Event> {
  const { path, response: schema } = OPERATIONS.watchEvents
  const url = new URL(path, options.url)
  if (options.after !== undefined) url.searchParams.set('after', String(options.after))
  const response = await (options.fetch ?? fetch)(url, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${options.key ?? ''}` },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  if (!response.ok || response.body === null) {
    const parsed = problem.safeParse(await response.json().catch(() => undefined))
    if (parsed.success) throw new ProblemError(parsed.data)
    throw new ClientError(`GET ${url.origin}${url.pathname}: status ${response.status}`)
  }
  let rest = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '))
      if (data !== undefined) yield schema.parse(JSON.parse(data.slice(6)))
    }
  }
}
