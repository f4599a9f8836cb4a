import type { Kept } from './object.ts'

/** A collection of the API server that is listed and watched, in all namespaces. */
export interface Resource<Kind extends string = string> {
  readonly kind: Kind
  readonly apiVersion: string
  /** The path of the collection, such as `/api/v1/pods`. */
  readonly path: string
  /** Narrows what is listed and watched. */
  readonly fieldSelector?: string
  /** The fields that leave this folder. `metadata` needs `name` and `namespace`. */
  readonly kept: Kept
}
