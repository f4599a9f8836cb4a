/** A DNS name of at least two labels (RFC 1123, 2.1), in lower case. */
const DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Parses the domain below which the host of a visitor's request means a key: with `shop.example.com`,
 * `alice.shop.example.com` means the key `alice`. Returns undefined for an empty text. Throws a RangeError that names the
 * value and what is allowed.
 */
export function parseEntryDomain(text: string): string | undefined {
  if (text === '') return undefined
  const domain = text.toLowerCase()
  if (DOMAIN.test(domain)) return domain
  throw new RangeError(
    `${JSON.stringify(text)}: wanted a domain such as shop.example.com, without scheme, port and asterisk`,
  )
}
