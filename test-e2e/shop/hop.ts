/** The request fields that carry a trace or a routing key: what a service passes on by hand. */
export const PROPAGATED = ['traceparent', 'tracestate', 'baggage', 'x-request-id'] as const

/**
 * The response field in which a service of the shop says who it is, on every response. An address may belong to
 * something else for a moment: a Service that was just made, a pod that is gone.
 */
export const SERVICE_FIELD = 'x-shop-service'

/** One service's part in an answer. */
export interface Hop {
  readonly service: string
  readonly version: string
  readonly environment: string
  readonly pod: string
  /** From the request's arrival to this service's own answer, what it waited for included. */
  readonly ms: number
  /** The request's fields as they arrived, in order: `[name, value]`; only where asked for. */
  readonly fields?: readonly (readonly [string, string])[]
}

/** What the shop sells, as the database has it. */
export interface Product {
  readonly name: string
  readonly price: number
}

/** An answer of the shop: the hops in the order of the request's way, and what the database gave. */
export interface ShopResponse {
  readonly hops: readonly Hop[]
  readonly products: readonly Product[]
}

/** Whether an answer of another service is what it should be: outside data, so looked at once. */
export function parseResponse(text: string): ShopResponse {
  const answer: unknown = JSON.parse(text)
  if (isShopResponse(answer)) return answer
  throw new TypeError(`not an answer of the shop: ${text.slice(0, 200)}`)
}

function isShopResponse(value: unknown): value is ShopResponse {
  return (
    typeof value === 'object' &&
    value !== null &&
    Array.isArray((value as ShopResponse).hops) &&
    Array.isArray((value as ShopResponse).products)
  )
}
