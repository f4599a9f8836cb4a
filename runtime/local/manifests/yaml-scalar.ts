const TAG = 'tag:yaml.org,2002:'
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const SHORT_FLOAT = /^\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9]+)?$/
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/
const LARGEST = 2n ** 64n - 1n
const SMALLEST = -(2n ** 63n)

const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...words(true, ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']),
  ...words(false, ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']),
  ...words(null, ['', '~', 'null', 'Null', 'NULL']),
  ...words(Number.NaN, ['.nan', '.NaN', '.NAN']),
  ...words(Number.POSITIVE_INFINITY, ['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF']),
  ...words(Number.NEGATIVE_INFINITY, ['-.inf', '-.Inf', '-.INF']),
])

function words(value: unknown, names: readonly string[]): [string, unknown][] {
  return names.map((name) => [name, value])
}

/**
 * Returns the value of a plain scalar as Kubernetes reads it: like YAML 1.1 in go-yaml v2, on which sigs.k8s.io/yaml is
 * built. `0400` and `0o400` are octal, `yes`, `on` and `y` are booleans, `1_000` is a number; `12:30:45`, dates and `=`
 * are texts.
 */
export function resolvePlain(text: string): unknown {
  if (WORDS.has(text)) return WORDS.get(text)
  const [first] = text
  if (first === '.') return SHORT_FLOAT.test(text) ? Number(text.replaceAll('_', '')) : text
  if (first === undefined || !'+-0123456789'.includes(first)) return text
  const digits = text.replaceAll('_', '')
  return integerOf(digits) ?? (FLOAT.test(digits) ? Number(digits) : text)
}

function integerOf(digits: string): number | undefined {
  const [, sign, hex, binary, octal, decimal] = INTEGER.exec(digits) ?? []
  const [prefix, rest] =
    hex !== undefined ? ['0x', hex] : binary !== undefined ? ['0b', binary] : ['0o', octal]
  if (decimal === undefined && rest === undefined) return undefined
  const size = BigInt(decimal ?? `${prefix}${rest}`)
  const value = sign === '-' ? -size : size
  if (value > LARGEST || value < SMALLEST) return undefined
  // JSON has no negative zero.
  return Number(value)
}

/**
 * Returns the value of a scalar with an explicit tag, such as `!!str 0400`. Tags that Kubernetes does not know leave the
 * text. Throws an Error if the text is not of the tag's type.
 */
export function resolveTagged(text: string, tag: string): unknown {
  switch (tag) {
    case `${TAG}binary`:
      return Buffer.from(text, 'base64').toString('utf8')
    case `${TAG}bool`:
      return wanted(text, 'boolean', (value) => typeof value === 'boolean')
    case `${TAG}null`:
      return wanted(text, 'null', (value) => value === null)
    case `${TAG}int`:
      return wanted(text, 'whole number', (value) => Number.isInteger(value))
    case `${TAG}float`:
      return wanted(text, 'number', (value) => typeof value === 'number')
    default:
      return text
  }
}

function wanted(text: string, type: string, isType: (value: unknown) => boolean): unknown {
  const value = resolvePlain(text)
  if (isType(value)) return value
  throw new Error(`${JSON.stringify(text)} is tagged as a ${type}, which it is not: remove the tag`)
}
