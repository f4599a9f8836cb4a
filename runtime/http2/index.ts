export { Http2Engine } from './engine.ts'
export { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './limits.ts'
export { looksLikeHttp2, looksLikeSettings } from './preface.ts'
