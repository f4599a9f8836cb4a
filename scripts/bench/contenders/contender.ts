import type { Running } from '../processes.ts'

/** What a contender stands in front of, and where it keeps its files. */
interface Started {
  readonly folder: string
  readonly upstreamPort: number
  /** Routing keys that it knows. Contenders whose configuration lists none ignore it. */
  readonly routes: number
}

/** One way to put a hop between a client and a service. */
export interface Contender {
  readonly name: string
  /** Why it is left out on this machine; undefined where it takes part. */
  missing(): Promise<string | undefined>
  start(options: Started): Promise<Running>
}

/** For a contender that needs nothing but this repository. */
export const present = (): Promise<undefined> => Promise.resolve(undefined)
