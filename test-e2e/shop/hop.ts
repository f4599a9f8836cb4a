/** The request fields with a trace or a routing key, which a service forwards by hand. */
export const PROPAGATED = ['traceparent', 'tracestate', 'baggage', 'x-request-id'] as const

/**
 * The response field in which every service of the shop names itself. An address can belong to another server for a
 * moment, such as that of a new Service or of a deleted pod.
 */
export const SERVICE_FIELD = 'x-shop-service'

/** One service's part in a response. */
export interface Hop {
  readonly service: string
  readonly version: string
  readonly environment: string
  readonly pod: string
  /** Milliseconds from the arrival of the request to the response, including the wait for other services. */
  readonly ms: number
  /** The fields of the request in order of arrival, `[name, value]`, if requested. */
  readonly fields?: readonly (readonly [string, string])[]
}

/** A product in the database. */
export interface Product {
  readonly name: string
  readonly price: number
}

/** A response of the shop: the hops in the order of the request's path, and the products. */
export interface ShopResponse {
  readonly hops: readonly Hop[]
  readonly products: readonly Product[]
}

/** Parses a response of another service. Throws a TypeError if it is not a response of the shop. */
export function parseResponse(text: string): ShopResponse {
  const response: unknown = JSON.parse(text)
  if (isShopResponse(response)) return response
  throw new TypeError(`not a response of the shop: ${text.slice(0, 200)}`)
}

function isShopResponse(value: unknown): value is ShopResponse {
  return (
    typeof value === 'object' &&
    value !== null &&
    Array.isArray((value as ShopResponse).hops) &&
    Array.isArray((value as ShopResponse).products)
  )
}
