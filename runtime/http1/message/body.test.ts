import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyFramer, withoutBlanks } from './body.ts'
import { BODY } from './fields.ts'

const limits = { headBytes: 64, headerCount: 3 }
const chunked = (): BodyFramer => {
  const body = new BodyFramer()
  body.start(BODY.chunked, 0, limits)
  return body
}

test('a body with a length ends after that length', () => {
  const body = new BodyFramer()
  body.start(BODY.length, 5, limits)
  expect(body.take(Buffer.from('abc'), 0)).toBe(3)
  expect(body.done).toBe(false)
  expect(body.take(Buffer.from('xdeGET'), 1)).toBe(3)
  expect([body.done, body.framedBytes]).toEqual([true, 5])
  expect(body.take(Buffer.from('x'), 0)).toBe(0)
})

test('a body that ends with its connection takes everything', () => {
  const body = new BodyFramer()
  body.start(BODY.close, 0, limits)
  expect(body.take(Buffer.from('abc'), 0)).toBe(3)
  expect(body.done).toBe(false)
})

const WHOLE = '5;a;b=c;d="e\\"f"\r\nhello\r\n00A\r\n0123456789\r\n0;z\r\nX-T: v\r\ny:\r\n\r\n'

test('chunks end at the right place, split at every byte, and their data is found', () => {
  for (let split = 0; split <= WHOLE.length; split++) {
    const body = chunked()
    let data = ''
    body.onChunkData = (view, from, to) => {
      data += view.toString('latin1', from, to)
    }
    const bytes = Buffer.from(`${WHOLE}GET`)
    const first = body.take(bytes.subarray(0, split), 0)
    const rest = body.done ? first : split + body.take(bytes.subarray(split), 0)
    expect([rest, body.done, body.framedBytes, data]).toEqual([
      WHOLE.length,
      true,
      WHOLE.length,
      'hello0123456789',
    ])
  }
})

test.each([
  ['no size', '\r\n'],
  ['a prefix', '0x5\r\nhello\r\n'],
  ['a sign', '+5\r\nhello\r\n'],
  ['a minus', '-1\r\n'],
  ['space before the size', ' 5\r\nhello\r\n'],
  ['space after the size', '5 \r\nhello\r\n'],
  ['a bare LF after the size', '5\nhello\r\n'],
  ['a bare CR after the size', '5\rhello\r\n'],
  ['more data than its size', '5\r\nhello!\r\n'],
  ['a bare LF after the data', '5\r\nhello\n'],
  ['a size beyond exact integers', 'fffffffffffffff\r\n'],
  ['a size that wraps 64 bits', '10000000000000005\r\n'],
  ['many zeros', `${'0'.repeat(17)}5\r\n`],
  ['a bare LF in an extension', '5;a\nb\r\n'],
  ['an extension without a name', '5;\r\nhello\r\n'],
  ['a control character in a quoted value', '5;a="\x01"\r\n'],
  ['long extensions', `5;${'a'.repeat(70)}\r\n`],
  ['a bare LF at the end', '0\r\n\n'],
  ['a trailer that frames', '0\r\nContent-Length: 5\r\n\r\n'],
  ['a trailer that frames, in lower case', '0\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
  ['space before a trailer’s colon', '0\r\nA : b\r\n\r\n'],
  ['a bare LF in a trailer', '0\r\nA: b\nC: d\r\n\r\n'],
  ['too many trailers', '0\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n'],
  ['long trailers', `0\r\na: ${'b'.repeat(70)}\r\n\r\n`],
])('refused: %s', (_, text) => {
  expect(() => chunked().take(Buffer.from(text, 'latin1'), 0)).toThrow(/./)
  const body = chunked()
  const byteByByte = () => {
    for (const byte of Buffer.from(text, 'latin1')) body.take(Buffer.from([byte]), 0)
  }
  expect(byteByByte).toThrow(/./)
})

test('any data in any chunks comes out whole, with any splits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })),
      fc.array(fc.nat(50)),
      (parts, steps) => {
        const bytes = Buffer.concat([
          ...parts.flatMap((part) => [
            Buffer.from(`${part.length.toString(16)}\r\n`),
            part,
            Buffer.from('\r\n'),
          ]),
          Buffer.from('0\r\n\r\n'),
        ])
        const body = chunked()
        const out: Buffer[] = []
        body.onChunkData = (view, from, to) => out.push(Buffer.from(view.subarray(from, to)))
        let at = 0
        for (const step of [...steps, bytes.length]) at += body.take(bytes.subarray(at, at + step + 1), 0)
        expect([at, body.done]).toEqual([bytes.length, true])
        expect(Buffer.concat(out).equals(Buffer.concat(parts))).toBe(true)
      },
    ),
  )
})

/** Returns what is sent on of a response's chunks, read in two pieces. */
function sentOn(text: string, split: number): string {
  const body = new BodyFramer(true)
  body.start(BODY.chunked, 0, limits)
  let sent = ''
  for (const piece of [text.slice(0, split), text.slice(split)]) {
    const view = Buffer.from(piece, 'latin1')
    const end = body.take(view, 0)
    sent += (body.blanks === undefined ? view : withoutBlanks(view, 0, end, body.blanks)).toString('latin1')
  }
  if (!body.done) throw new Error('not done')
  return sent
}

test('white space in a response’s chunks is accepted and not sent on, split at every byte', () => {
  const padded = '5  \t\r\nhel o\r\n00A ; a ;\tb = c ; d= "e f" \r\n012 456 89\r\n0   \r\nX-T \t: v w\r\n\r\n'
  const strict = '5\r\nhel o\r\n00A;a;b=c;d="e f"\r\n012 456 89\r\n0\r\nX-T: v w\r\n\r\n'
  for (let split = 0; split <= padded.length; split++) expect(sentOn(padded, split)).toBe(strict)
})

test.each([
  ['before a size', ' 5\r\nhello\r\n'],
  ['within a size', '1 0\r\n'],
  ['within the name of an extension', '5;a b\r\nhello\r\n'],
  ['within its value', '5;a=b c\r\nhello\r\n'],
  ['more than any padding', `5${' '.repeat(65)}\r\n`],
  ['before the name of a trailer', '0\r\n X: y\r\n\r\n'],
  ['within the name of a trailer', '0\r\nX Y: z\r\n\r\n'],
  ['before the colon of a trailer that reframes', '0\r\nContent-Length : 5\r\n\r\n'],
])('refused white space in a response’s chunks: %s', (_, text) => {
  expect(() => sentOn(text, 0)).toThrow(/^(?:chunk|trailer)/)
})

test('what is accepted leniently is sent on strictly', () => {
  const blank = fc.constantFrom('', '', ' ', '\t', '  ')
  const line = fc
    .tuple(blank, blank, blank, blank, blank, fc.constantFrom('', ';', ';a', '=b', '="c d"', ' ', '\r'))
    .map(([a, b, c, d, e, odd]) => `3${a};${b}x${c}=${d}y${e}${odd}\r\nabc\r\n`)
  fc.assert(
    fc.property(fc.array(line, { maxLength: 2 }), fc.nat(40), (lines, split) => {
      let sent: string
      try {
        sent = sentOn(`${lines.join('')}0\r\n\r\n`, split)
      } catch {
        return
      }
      const strict = new BodyFramer()
      strict.start(BODY.chunked, 0, limits)
      expect(strict.take(Buffer.from(sent), 0)).toBe(sent.length)
      expect(strict.done).toBe(true)
    }),
  )
})

/** Reads a chunked body in one view or byte by byte. Returns its end, and its data or the error's message. */
function readChunks(text: string, byByte: boolean, lenient: boolean): readonly [number, string] {
  const body = new BodyFramer(lenient)
  body.start(BODY.chunked, 0, limits)
  let data = ''
  body.onChunkData = (view, from, to) => {
    data += view.toString('latin1', from, to)
  }
  const bytes = Buffer.from(text, 'latin1')
  try {
    if (!byByte) return [body.take(bytes, 0), data]
    let at = 0
    while (at < bytes.length && !body.done) at += body.take(bytes.subarray(at, at + 1), 0)
    return [at, data]
  } catch (error) {
    return [-1, (error as Error).message]
  }
}

test('chunk lines that are read at once mean the same as byte by byte, also invalid ones', () => {
  const pieces = [
    '0',
    '1',
    'a',
    'F',
    '00',
    '1fffffffffffff',
    '000000000000001',
    '\r\n',
    '\r',
    '\n',
    ' ',
    ';x',
    'dd',
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), fc.boolean(), (parts, lenient) => {
      const text = parts.join('')
      expect(readChunks(text, false, lenient)).toEqual(readChunks(text, true, lenient))
    }),
    { numRuns: 2000 },
  )
})
