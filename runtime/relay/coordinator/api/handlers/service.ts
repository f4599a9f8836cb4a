import type { SERVICE_OPERATIONS } from '@branchline/wire/circuits/operations/service'
import { refusal } from '@branchline/wire/circuits/problem'
import { findCaller } from '../../access/keys.ts'
import { PAGE_HEADERS } from '../../../../page/page.ts'
import { describeApi } from '../description.ts'
import { discoverTargets } from '../discovery.ts'
import type { EventStreams } from '../events.ts'
import type { Handlers } from '../handler.ts'
import { healthOf, isReady } from '../health.ts'
import { openApi } from '../openapi.ts'

const EVENT_ID = /^\d{1,15}$/

/** Operations on health, events, discovery and the description of the API. */
export const serviceHandlers = (streams: EventStreams): Handlers<keyof typeof SERVICE_OPERATIONS> => ({
  getLive: () => Promise.resolve({ body: { status: 'ok' } }),
  getReady: async ({ services: { context, limits } }) => {
    if (await isReady(context.store, limits.healthMs)) return { body: { status: 'ok' } }
    throw refusal('unavailable', { detail: 'The database does not respond.' })
  },
  getHealth: async ({ services }) => ({ body: await healthOf(services) }),
  discover: async ({ services }) => ({ body: await discoverTargets(services) }),
  watchEvents: ({ query, request, services, token }) => {
    const header = request.headers.get('last-event-id') ?? ''
    const after = EVENT_ID.test(header) ? Number(header) : query.after
    const { store } = services.context
    const mayRead = async (): Promise<boolean> => (await findCaller(store, token, Date.now())) !== undefined
    return streams.open(after, request.signal, mayRead)
  },
  getOpenApi: () => Promise.resolve({ body: openApi() }),
  getDescription: () => {
    const headers = new Headers(PAGE_HEADERS.map(([name, value]): [string, string] => [name, value]))
    headers.set('content-type', 'text/html; charset=utf-8')
    return Promise.resolve(new Response(describeApi(), { headers }))
  },
})
