const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}
const QUANTITY = /^\+?(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/

/**
 * Parses a quantity of Kubernetes that is not negative, such as `100m`, `64Mi`, `0.5` or `1e3`. Returns undefined for
 * other values.
 */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const [, number, unit = '', exponent = '0'] = QUANTITY.exec(String(value)) ?? []
  return number === undefined ? undefined : Number(number) * (UNITS[unit] as number) * 10 ** Number(exponent)
}
