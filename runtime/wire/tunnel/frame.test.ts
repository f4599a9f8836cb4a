import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseClusterMessage, parseRelayMessage, type StreamTarget } from './control.ts'
import { TunnelProtocolError } from './error.ts'
import {
  decodeFrames,
  encodeControl,
  encodeFrame,
  encodeOpen,
  encodeReset,
  encodeWindow,
  FRAME_TYPES,
  type FrameSink,
} from './frame.ts'
import {
  CLOSE_CODES,
  FRAME_HEADER_LENGTH,
  INITIAL_WINDOW,
  MAX_CONTROL_LENGTH,
  MAX_DATA_LENGTH,
  MAX_OPEN_LENGTH,
  MAX_RESET_LENGTH,
  MAX_STREAM_ID,
  MAX_STREAMS,
  MAX_TUNNEL_MESSAGE,
  MAX_WINDOW,
  RESET_CODES,
  TUNNEL_SUBPROTOCOL,
} from './limits.ts'

type Seen = readonly [name: string, ...fields: unknown[]]

function decode(message: Uint8Array): Seen[] {
  const seen: Seen[] = []
  const sink: FrameSink = {
    open: (stream: number, target: StreamTarget) => seen.push(['open', stream, target]),
    accept: (stream: number) => seen.push(['accept', stream]),
    data: (stream: number, payload: Buffer) => seen.push(['data', stream, payload.toString('latin1')]),
    window: (stream: number, credit: number) => seen.push(['window', stream, credit]),
    end: (stream: number) => seen.push(['end', stream]),
    reset: (stream, code, text) => seen.push(['reset', stream, code, text]),
    control: (payload: Buffer) => seen.push(['control', payload.toString()]),
  }
  decodeFrames(Buffer.from(message), sink)
  return seen
}

test('the numbers of the protocol equal those of SPEC.md', () => {
  expect(TUNNEL_SUBPROTOCOL).toBe('branchline.tunnel.v1')
  expect(FRAME_TYPES).toEqual({ open: 1, accept: 2, data: 3, window: 4, end: 5, reset: 6, control: 7 })
  expect(RESET_CODES).toEqual({
    cancel: 1,
    refused: 2,
    unknown: 3,
    unavailable: 4,
    connect: 5,
    broken: 6,
    timeout: 7,
    internal: 8,
    forbidden: 9,
  })
  expect(CLOSE_CODES).toEqual({
    protocol: 4002,
    flow: 4003,
    timeout: 4004,
    replaced: 4005,
    forbidden: 4006,
    full: 4007,
  })
  expect({ FRAME_HEADER_LENGTH, MAX_DATA_LENGTH, MAX_OPEN_LENGTH, MAX_RESET_LENGTH }).toEqual({
    FRAME_HEADER_LENGTH: 8,
    MAX_DATA_LENGTH: 65_536,
    MAX_OPEN_LENGTH: 1024,
    MAX_RESET_LENGTH: 512,
  })
  expect({ MAX_CONTROL_LENGTH, MAX_TUNNEL_MESSAGE }).toEqual({
    MAX_CONTROL_LENGTH: 4_194_304,
    MAX_TUNNEL_MESSAGE: 4_456_448,
  })
  expect({ INITIAL_WINDOW, MAX_WINDOW, MAX_STREAMS, MAX_STREAM_ID }).toEqual({
    INITIAL_WINDOW: 65_536,
    MAX_WINDOW: 1_048_576,
    MAX_STREAMS: 2048,
    MAX_STREAM_ID: 2_147_483_647,
  })
})

describe('the bytes of each frame', () => {
  const target = { environment: 'alice', service: 'web', port: 8080 }
  const json = '{"environment":"alice","service":"web","port":8080}'
  const frames: readonly [string, Buffer, string, Seen][] = [
    ['OPEN', encodeOpen(2, target), `01000033 00000002 ${hex(json)}`, ['open', 2, target]],
    ['ACCEPT', encodeFrame('accept', 2), '02000000 00000002', ['accept', 2]],
    [
      'DATA',
      encodeFrame('data', 0x01020304, Buffer.from('hi')),
      '03000002 01020304 6869',
      ['data', 16909060, 'hi'],
    ],
    ['WINDOW', encodeWindow(3, 65536), '04000004 00000003 00010000', ['window', 3, 65536]],
    ['END', encodeFrame('end', 3), '05000000 00000003', ['end', 3]],
    ['RESET', encodeReset(3, 'unknown', 'no'), '06000004 00000003 0003 6e6f', ['reset', 3, 'unknown', 'no']],
    ['CONTROL', encodeControl({}), '07000002 00000000 7b7d', ['control', '{}']],
  ]
  test.each(frames)('%s', (_name, bytes, literal, seen) => {
    expect(bytes.toString('hex')).toBe(literal.replaceAll(' ', ''))
    expect(decode(bytes)).toEqual([seen])
  })

  test('decodes several frames of one message in order', () => {
    const message = Buffer.concat(frames.map(([, bytes]) => bytes))
    expect(decode(message)).toEqual(frames.map(([, , , seen]) => seen))
  })

  test('a reset code of a later version is an internal fault, not an invalid frame', () => {
    expect(decode(unhex('06000002 00000003 7fff'))).toEqual([['reset', 3, 'internal', '']])
  })

  test('cuts a long reset text at the limit', () => {
    expect(decode(encodeReset(3, 'connect', 'x'.repeat(9000)))).toEqual([
      ['reset', 3, 'connect', 'x'.repeat(MAX_RESET_LENGTH - 2)],
    ])
  })
})

describe('refuses', () => {
  test.each([
    ['a header cut short', '03000001 000000'],
    ['a payload cut short', '03000002 00000001 68'],
    ['an unknown type', '08000000 00000001'],
    ['type 0', '00000000 00000001'],
    ['data on stream 0', '03000001 00000000 68'],
    ['control on a stream', '07000002 00000001 7b7d'],
    ['a stream id over the highest', '05000000 80000000'],
    ['empty data', '03000000 00000001'],
    ['too much data', `03010001 00000001 ${'00'.repeat(65537)}`],
    ['an end with a payload', '05000001 00000001 00'],
    ['an accept with a payload', '02000001 00000001 00'],
    ['no credit', '04000004 00000001 00000000'],
    ['too much credit', '04000004 00000001 00100001'],
    ['a short credit', '04000002 00000001 0001'],
    ['a reset without a code', '06000001 00000001 00'],
    ['an empty open', '01000000 00000001'],
    ['an open that is not JSON', '01000002 00000001 7b7b'],
    ['an open that is not UTF-8', '01000002 00000001 22ff'],
    [
      'an open of an address',
      `01${len('{"address":"10.0.0.1:22"}')} 00000001 ${hex('{"address":"10.0.0.1:22"}')}`,
    ],
  ])('%s', (_what, bytes) => {
    expect(() => decode(unhex(bytes))).toThrow(TunnelProtocolError)
  })

  test.each([
    ['a service with a dot', { environment: 'a', service: 'metadata.google.internal', port: 80 }],
    ['a service that is an address', { environment: 'a', service: '169.254.169.254', port: 80 }],
    ['an empty environment', { environment: '', service: 'web', port: 80 }],
    ['a port out of range', { environment: 'a', service: 'web', port: 65536 }],
    ['a port as text', { environment: 'a', service: 'web', port: '80' }],
  ])('an open to %s', (_what, target) => {
    expect(() => decode(encodeOpen(2, target as StreamTarget))).toThrow(TunnelProtocolError)
  })

  test('does not encode a control message above the limit', () => {
    expect(() => encodeControl({ x: 'y'.repeat(MAX_CONTROL_LENGTH) })).toThrow(RangeError)
  })
})

test('any bytes are decoded or refused with the protocol’s error, without reading past the end', () => {
  const header = fc
    .tuple(fc.nat(9), fc.nat(12), fc.nat(4), fc.uint8Array({ maxLength: 12 }))
    .map(([type, length, stream, payload]) =>
      Buffer.concat([Buffer.from([type, 0, 0, length, 0, 0, 0, stream]), payload]),
    )
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.array(header, { maxLength: 4 }).map((parts) => Buffer.concat(parts)),
  )
  fc.assert(
    fc.property(messages, (message) => {
      const fault = faultOf(() => decode(message))
      expect(fault === undefined || fault instanceof TunnelProtocolError).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

describe('control messages', () => {
  const preview = {
    label: 'web--alice',
    environment: 'alice',
    key: 'alice',
    service: 'web',
    port: 8080,
    access: 'public',
  }
  test('of a cluster, without fields of later versions', () => {
    const register = { type: 'register', cluster: 'dev', previews: [preview] }
    const later = { ...register, since: 1, previews: [{ ...preview, weight: 3 }] }
    expect(parseClusterMessage(Buffer.from(JSON.stringify(later)))).toEqual(register)
    const update = { type: 'update', upsert: [preview], remove: ['web--bob'] }
    expect(parseClusterMessage(Buffer.from(JSON.stringify(update)))).toEqual(update)
  })

  test('of a relay', () => {
    const registered = {
      type: 'registered',
      previews: [
        { label: 'web--alice', url: 'http://web--alice.localhost:8080' },
        { label: 'web--bob', refusal: 'taken by cluster x' },
      ],
    }
    expect(parseRelayMessage(Buffer.from(JSON.stringify(registered)))).toEqual(registered)
  })

  test.each([
    [{ type: 'register', cluster: 'Not A Label', previews: [] }],
    [{ type: 'register', cluster: 'dev', previews: [{ ...preview, label: 'a.b' }] }],
    [{ type: 'register', cluster: 'dev', previews: [{ ...preview, key: 'a,b=c' }] }],
    [{ type: 'registered', previews: [] }],
    [{}],
    [null],
  ])('refuses %j', (message) => {
    expect(() => parseClusterMessage(Buffer.from(JSON.stringify(message)))).toThrow(TunnelProtocolError)
  })
})

function faultOf(run: () => unknown): unknown {
  try {
    run()
    return undefined
  } catch (error) {
    return error
  }
}
function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}
function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}
function len(text: string): string {
  return text.length.toString(16).padStart(6, '0')
}
