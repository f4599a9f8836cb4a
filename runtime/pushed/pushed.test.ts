import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createLogger } from '../process/log.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { DEFAULT_PUBLISHER_LIMITS, type PublisherLimits } from './limits.ts'
import { Backoff } from '../process/backoff.ts'
import { Publisher } from './publisher.ts'
import {
  type Delta,
  reading,
  type Snapshot,
  type Strings,
  type StringTable,
  writing,
} from './strings.fixture.ts'
import { Subscription, type SubscriptionLimits } from './subscription.ts'

afterEach(cleanUp)

const logger = createLogger('test', 'silent')
const KEY = 'one'

/** A publisher of one table that a test changes, and the sockets over which it goes. */
class Source {
  epoch = 1
  strings: Strings = {}
  /** How many messages to lose. */
  losses = 0
  readonly closes: number[] = []
  readonly server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  readonly publisher: Publisher<Strings, undefined>

  constructor(limits: Partial<PublisherLimits> = {}) {
    this.publisher = new Publisher<Strings, undefined>({
      protocol: writing,
      limits: { ...DEFAULT_PUBLISHER_LIMITS, ...limits },
      logger,
      words: { subscriber: 'reader', key: 'name' },
      tableOf: () => this.strings,
      epoch: () => this.epoch,
      onStanding: () => {},
      onOther: () => {},
    })
    this.server.on('connection', (socket) => {
      this.#loseSome(socket)
      socket.on('close', (code) => this.closes.push(code))
      this.publisher.accept(KEY, socket)
    })
  }

  #loseSome(socket: WebSocket): void {
    const send = socket.send.bind(socket) as (data: string) => void
    socket.send = (data: string) => {
      if (this.losses > 0 && !data.includes('"snapshot"')) this.losses--
      else send(data)
    }
  }

  change(strings: Strings): void {
    const before = this.strings
    this.strings = strings
    this.publisher.publish(++this.epoch, [[KEY, { before, after: strings }]], undefined)
  }

  cut(): void {
    for (const socket of this.server.clients) socket.terminate()
  }

  stop(): void {
    this.cut()
    this.server.close()
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  /** Whether the subscriber has acknowledged the newest table. */
  get served(): boolean {
    const standing = this.publisher.standing(KEY)
    return standing !== undefined && standing.served === standing.sent
  }
}

async function start(limits: Partial<PublisherLimits> = {}): Promise<Source> {
  const source = new Source(limits)
  await once(source.server, 'listening')
  later(() => source.stop())
  return source
}

type Reader = Subscription<StringTable, Snapshot, Delta>

function subscribe(source: Source, limits: Partial<SubscriptionLimits> = {}): Reader {
  const reader: Reader = new Subscription<StringTable, Snapshot, Delta>({
    url: source.url,
    subprotocol: 'strings',
    token: () => 'token',
    protocol: reading,
    maxMessageBytes: 1024 * 1024,
    limits: { backoff: { firstMs: 1, maxMs: 4 }, closeTimeoutMs: 100, ...limits },
    logger,
    words: { publisher: 'source', table: 'table' },
    onTable: () => {},
    onOther: () => {},
    onDown: () => {},
  })
  reader.start()
  later(() => reader.stop())
  return reader
}

type Step =
  | { readonly do: 'set'; readonly name: string; readonly text: string }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'cut' | 'lose' | 'settle' | 'turn' }

const name = fc.constantFrom('a', 'b', 'c', 'constructor')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), name, text: fc.string() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('cut', 'lose', 'settle', 'turn') }) },
)

async function run(source: Source, taken: Step): Promise<void> {
  if (taken.do === 'set') source.change({ ...source.strings, [taken.name]: taken.text })
  else if (taken.do === 'remove') {
    source.change(Object.fromEntries(Object.entries(source.strings).filter(([it]) => it !== taken.name)))
  } else if (taken.do === 'cut') source.cut()
  else if (taken.do === 'lose') source.losses++
  else if (taken.do === 'settle')
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  else await new Promise((resolve) => setImmediate(resolve))
}

test('whatever changes, is lost or is cut, both ends are equal in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const source = await start()
      const reader = subscribe(source)
      await until(() => source.served)
      for (const taken of steps) await run(source, taken)
      // A loss shows with the next change.
      source.losses = 0
      source.change({ ...source.strings, last: String(source.epoch) })
      await until(() => source.served && reader.table?.epoch === source.epoch)
      expect(reader.table?.strings).toEqual(source.strings)
      await cleanUp()
    }),
    { numRuns: 60 },
  )
})

test('a delta that does not follow closes with 4001 and is not applied', async () => {
  const source = await start()
  const reader = subscribe(source)
  await until(() => source.served)
  source.losses = 1
  source.change({ a: '1' })
  source.change({ a: '1', b: '2' })
  await until(() => source.closes.length === 1)
  await until(() => reader.table?.epoch === 3 && source.served)
  expect(source.closes).toEqual([4001])
  expect(reader.table?.strings).toEqual({ a: '1', b: '2' })
})

test('a subscriber gets a snapshot, then only what changed; what does not change is not sent', async () => {
  const source = await start()
  const reader = subscribe(source)
  await until(() => source.served)
  source.change({ a: '1' })
  source.change({ a: '1' })
  expect(source.publisher.standing(KEY)?.sent).toBe(2)
  source.change({ a: '2' })
  await until(() => reader.table?.epoch === 4)
  source.cut()
  await until(() => source.closes.length === 1 && source.served)
  expect(reader.table).toEqual({ epoch: 4, strings: { a: '2' } })
})

test('a subscriber that loses its publisher keeps its table', async () => {
  const source = await start()
  source.strings = { a: '1' }
  const reader = subscribe(source)
  await until(() => source.served)
  source.stop()
  await until(() => reader.state === 'disconnected')
  expect(reader.table?.strings).toEqual({ a: '1' })
})

test('the newest connection of a key wins', async () => {
  const source = await start()
  const first = subscribe(source, { backoff: { firstMs: 60_000, maxMs: 60_000 } })
  await until(() => source.served)
  const second = subscribe(source)
  await until(() => source.closes.length === 1 && second.state === 'connected')
  expect(source.closes).toEqual([4002])
  await until(() => first.state === 'disconnected')
  expect(source.publisher.size).toBe(1)
})

test('a connection that has held is made again after the first wait', async () => {
  const order: string[] = []
  vi.spyOn(Backoff.prototype, 'reset').mockImplementation(() => void order.push('reset'))
  vi.spyOn(Backoff.prototype, 'nextMs').mockImplementation(() => {
    order.push('next')
    return 1
  })
  later(() => vi.restoreAllMocks())
  const source = await start()
  const reader = subscribe(source, { stableAfterMs: -1 })
  await until(() => reader.state === 'connected')
  source.cut()
  await until(() => order.length > 1)
  expect(order.slice(0, 2)).toEqual(['reset', 'next'])
})
