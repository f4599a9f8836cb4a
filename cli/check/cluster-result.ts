/** What one check of a cluster found. */
export interface CheckResult {
  readonly category: string
  /** What should hold, as a phrase: `the API server answers`. */
  readonly name: string
  readonly status: 'ok' | 'warning' | 'error'
  /** What was found, such as a version or the reason of a failure. */
  readonly detail?: string
  /** What to do. Only if the status is not `ok`. */
  readonly hint?: string
  /** The page that explains it. */
  readonly page?: string
}

/** A value that was read, or why it could not be read. */
export type Attempt<T> = { readonly value: T } | { readonly problem: string; readonly status?: number }

/** Reads a value. A failure is part of the result. */
export async function attempt<T>(read: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await read() }
  } catch (error) {
    const { message, cause } = error as Error
    const { status } = (cause ?? {}) as { status?: unknown }
    return { problem: message, ...(typeof status === 'number' && { status }) }
  }
}

/** The value, or a default if it could not be read. */
export const valueOr = <T>(read: Attempt<T>, otherwise: T): T => ('value' in read ? read.value : otherwise)
