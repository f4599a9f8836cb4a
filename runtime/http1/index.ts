export { type EngineOptions, HttpEngine } from './engine.ts'
export { DEFAULT_LIMITS, type Limits } from './limits.ts'
export { parsePseudonym } from './message/via.ts'
export { UpstreamPool } from './upstream-pool.ts'
