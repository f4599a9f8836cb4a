import { HttpError } from '../proxy/errors.ts'

/** The error codes of RFC 9113, 7 that we send of our own accord. */
export const CODE = {
  noError: 0x0,
  internalError: 0x2,
  refusedStream: 0x7,
  cancel: 0x8,
  enhanceYourCalm: 0xb,
} as const

/** The names of all codes, by number. */
const NAMES = (
  'NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR ' +
  'REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED'
).split(' ')

/** The upstream reset the stream. The client gets the same code, which says more than a status. */
export class StreamReset extends HttpError {
  readonly rstCode: number
  constructor(rstCode: number) {
    super(
      'BL_HTTP_UPSTREAM_CLOSED',
      502,
      `the upstream reset the stream with ${NAMES[rstCode] ?? `code ${rstCode}`}`,
    )
    this.rstCode = rstCode === CODE.noError ? CODE.internalError : rstCode
  }
}
