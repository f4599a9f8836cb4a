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
  Route,
  Upstream,
} from './decision.ts'
export { HttpError, type HttpErrorCode } from './errors.ts'
export type { RequestHead } from './head.ts'
export { DEFAULT_LIMITS, type Limits } from './limits.ts'
export { IGNORE, type Receiver, type Transport } from './transport.ts'
