/** A problem or a note about a field of an object: one sentence with its remedy. */
export interface ObjectProblem {
  readonly severity: 'error' | 'note'
  readonly kind: string
  readonly namespace: string | undefined
  readonly name: string
  readonly field: string
  readonly message: string
}
