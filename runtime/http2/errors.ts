import { constants } from 'node:http2'
import { HttpError } from '../http/errors.ts'

/** The error codes of RFC 9113, 7 that we give of our own accord. */
export const CODE = {
  noError: constants.NGHTTP2_NO_ERROR,
  internalError: constants.NGHTTP2_INTERNAL_ERROR,
  refusedStream: constants.NGHTTP2_REFUSED_STREAM,
  cancel: constants.NGHTTP2_CANCEL,
  enhanceYourCalm: constants.NGHTTP2_ENHANCE_YOUR_CALM,
} as const

/** The upstream reset the stream: the client is told by the same code, which says more than a status could. */
export class StreamReset extends HttpError {
  readonly rstCode: number
  constructor(rstCode: number) {
    super('BL_HTTP_UPSTREAM_CLOSED', 502, `the upstream reset the stream with code ${rstCode}`)
    this.rstCode = rstCode === CODE.noError ? CODE.internalError : rstCode
  }
}
