import type * as nodeHttp2 from 'node:http2'

/** Returns Node's own HTTP/2. It is loaded with the first connection that uses it: 7 MB, which most pods never need. */
export const http2 = (): typeof nodeHttp2 => process.getBuiltinModule('node:http2')
