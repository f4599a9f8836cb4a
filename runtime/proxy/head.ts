/** The head of a request, in any HTTP version. */
export interface Head {
  readonly method: string
  /** In origin form, or `*` for OPTIONS (RFC 9112, 3.2; `:path` of RFC 9113, 8.3.1). */
  readonly target: string
  /** 10, 11 or 20. */
  readonly version: number
  /** The authority that the request names; '' if it names none. */
  readonly host: string
  /** Memory that the head takes, in bytes: about its size on the wire. */
  readonly bytes: number
  /** True if the request may be sent again: its method is safe (RFC 9110, 9.2.1) and it has no body. */
  readonly repeatable: boolean
  /**
   * Returns the value of a field (lower-case name); undefined if there is none. Several fields of one name are joined
   * by `, ` (RFC 9110, 5.3).
   */
  get(name: string): string | undefined
  /** Returns all fields as the client sent them: `[name, value]`. */
  entries(): [name: string, value: string][]
}

/** True if a method is safe (RFC 9110, 9.2.1), so that its request may be sent again. */
export const isSafe = (method: string): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'

const GRPC = /^application\/grpc(?:$|[+; ])/

/** True if a field value is the content type of gRPC over HTTP/2, which gRPC-Web does not have. */
export const isGrpcType = (contentType: string): boolean => GRPC.test(contentType)

/** True for a gRPC call: it needs HTTP/2 from end to end. */
export const isGrpc = (head: Head): boolean =>
  head.version === 20 && isGrpcType(head.get('content-type') ?? '')
