/** Codes of gRPC that this client reads (https://grpc.io/docs/guides/status-codes/). */
export const STATUS = { invalidArgument: 3, notFound: 5, outOfRange: 11, unauthenticated: 16 } as const

/** etcd does not respond, or refuses a request. `status` is the code of gRPC, where etcd has answered. */
export class EtcdError extends Error {
  readonly code = 'BL_RELAY_ETCD'
  readonly status: number | undefined

  constructor(
    message: string,
    options: { readonly status?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'EtcdError'
    this.status = options.status
  }
}
