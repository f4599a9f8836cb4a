import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cookieNames, readCookies } from './cookies.ts'
import { circuitOf, CLIENT, headOf, replyOf, SECURE, TestTable } from './fixture.ts'

const value = 'v'.repeat(43)
const keptOf = (...lines: string[]): readonly string[] | undefined =>
  readCookies(headOf('GET /', ...lines.map((line) => `Cookie: ${line}`))).kept

test.each([
  [[`a=1; branchline=${value}; b=2`], ['a=1; b=2']],
  [[`branchline=${value};b="2;x"; c`], ['b="2;x"; c']],
  [[`a=1;   b==;  __Host-branchline=${value}`], ['a=1;   b==']],
  [
    [`a = 1 ;x`, `branchline=${value}`, 'b=2;'],
    ['a = 1 ;x', 'b=2;'],
  ],
  [[`branchline=${value}`], []],
  [['branchline-state=x; __Host-branchline-state=y; branchline-30001=z; a=1'], ['a=1']],
  [['branchlines=1; my-branchline=2'], undefined],
  [['a=1'], undefined],
])('only our cookies are removed, all others stay byte for byte: %j', (lines, kept) => {
  expect(keptOf(...lines)).toEqual(kept)
})

test('any cookies of the app stay, in their order', () => {
  const text = fc.stringMatching(/^[!#-+\--:<-~]{1,8}$/).filter((name) => !/branchline/i.test(name))
  fc.assert(
    fc.property(fc.array(text, { minLength: 1 }), fc.nat(), (cookies, at) => {
      const all = cookies.toSpliced(at % (cookies.length + 1), 0, `branchline=${value}`)
      expect(keptOf(all.join('; '))).toEqual([cookies.join('; ')])
    }),
  )
})

test('with TLS only cookies that no other host can set count (cookie tossing)', async () => {
  const table = new TestTable()
  const circuit = circuitOf({ type: 'organization' })
  const statusOf = async (cookie: string, client = SECURE): Promise<number> =>
    (await replyOf(table.access().check(circuit, headOf('GET /', `Cookie: ${cookie}`), client)))?.status ??
    200
  const theirs = table.addSession({ holder: 'attacker' })
  const mine = table.addSession({ holder: 'ann' })
  expect(await statusOf(`branchline=${theirs}`)).toBe(401)
  expect(await statusOf(`branchline=${theirs}; __Host-branchline=${mine}`)).toBe(200)
  // Without TLS, a planted cookie that is not valid does not shut a visitor out, and a valid one is noticed.
  expect(await statusOf(`branchline=${value}; branchline=${mine}`, CLIENT)).toBe(200)
  expect(await statusOf(`branchline=${theirs}; branchline=${mine}`, CLIENT)).toBe(400)
})

test('a cookie of one circuit opens no other, and ends with its session', async () => {
  const table = new TestTable()
  const cookie = table.addSession({ circuit: 'c-other' })
  const head = headOf('GET /', `Cookie: branchline=${cookie}`)
  const access = table.access()
  expect(access.check(circuitOf({ type: 'organization' }), head, CLIENT).decision).toBeDefined()
  const other = circuitOf({ type: 'organization' }, { id: 'c-other' })
  expect(access.check(other, head, CLIENT).decision).toBeUndefined()
  table.nowMs += 60_000
  expect(access.check(other, head, CLIENT).decision).toBeDefined()
  table.nowMs -= 60_000
  table.sessions = new Map()
  expect(access.check(other, head, CLIENT).decision).toBeDefined()
})

test('ports of one host share cookies, so each port circuit has its own', () => {
  const port = circuitOf({ type: 'public' }, { frontend: { type: 'port', port: 30001 } })
  expect(cookieNames(port, true).session).toBe('__Host-branchline-30001')
})
