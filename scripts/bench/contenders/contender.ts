import type { Running } from '../processes.ts'

/** The service that a contender forwards to, and the folder of its files. */
interface Started {
  readonly folder: string
  readonly upstreamPort: number
  /** Routing keys. Contenders whose configuration lists no keys ignore them. */
  readonly routes: number
}

/** A kind of hop between a client and a service. */
export interface Contender {
  readonly name: string
  /** Why this machine cannot run the contender, or undefined if it can. */
  missing(): Promise<string | undefined>
  start(options: Started): Promise<Running>
}

/** For a contender that needs only this repository. */
export const present = (): Promise<undefined> => Promise.resolve(undefined)
