import { type Endpoint, parseEndpoint } from '@branchline/wire/endpoint'

/** The endpoints to try, in round-robin order: each turn begins at the next one. */
export function attemptsOf(endpoints: readonly string[], turn: number, most: number): Endpoint[] {
  const from = endpoints.length === 0 ? 0 : turn % endpoints.length
  return [...endpoints.slice(from), ...endpoints.slice(0, from)]
    .map(parseEndpoint)
    .filter((endpoint) => endpoint !== undefined)
    .slice(0, most)
}
