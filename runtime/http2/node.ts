import type * as nodeHttp2 from 'node:http2'

/** Node's own HTTP/2, loaded with the first connection that speaks it: 7 MB, which most pods never need. */
export const http2 = (): typeof nodeHttp2 => process.getBuiltinModule('node:http2')
