/** The fields to keep of an object, and of the objects and lists inside it. */
export type Kept = true | { readonly [field: string]: Kept }

/** A collection of the API server to list and watch in all namespaces. */
export interface Resource<Kind extends string = string> {
  readonly kind: Kind
  readonly apiVersion: string
  /** The path of the collection, such as `/api/v1/pods`. */
  readonly path: string
  /** Limits which objects are listed and watched. */
  readonly fieldSelector?: string
  /** The fields that the reflector reports. `metadata` needs `name` and `namespace`. */
  readonly kept: Kept
}
