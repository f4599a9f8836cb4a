export type {
  Candidate,
  Client,
  Decision,
  ExchangeReport,
  FailureReply,
  Forward,
  HeadEdits,
  Observer,
  Reply,
  ResponseWaits,
  Route,
  Upstream,
} from './decision.ts'
export { foldName } from './grammar.ts'
export { HttpError, type HttpErrorCode } from './errors.ts'
export { RequestHead } from './head.ts'
export { DEFAULT_LIMITS, type Limits } from './limits.ts'
export { IGNORE, type Receiver, type Transport } from './transport.ts'
export { pipe, type Pipe, type PipeOptions, type PipeReport } from './pipe.ts'
export { dialTcp, listen, type Listener, type ListenOptions, tcpUpstream } from './tcp.ts'
export { type EngineOptions, HttpEngine } from './engine.ts'
export { parsePseudonym } from './via.ts'
export { UpstreamPool } from './upstream-pool.ts'
