import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { applyDelta, type ChangeMemo, diffTables } from '@branchline/wire/routes/delta'
import { ANNOTATIONS, LABELS } from '@branchline/wire/names'
import type { RouteTable } from '@branchline/wire/routes/messages'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { environment, namespace, pod, preview, service, slice } from '../fixture/objects.ts'
import { objectId } from '../sources/source.ts'
import { allChanges } from '../store/snapshot.ts'
import { Store } from '../store/store.ts'
import { chainOf, type Node, rootOf } from './forest.ts'
import type { Plan } from './plan.ts'
import { plan } from './planner.ts'
import { Planner } from './planner.ts'

const NAMES = ['base', 'alice', 'bob', 'ui', 'deep', 'other', 'mine']
const SERVICES = ['api', 'web']

const name = fc.constantFrom(...NAMES)
const serviceName = fc.constantFrom(...SERVICES)
const rule = fc.constantFrom('baseline', 'hold', 'fail')
const at = (namespace: string, index: number): string => `10.0.${NAMES.indexOf(namespace)}.${index}`

/** An object to put or remove. The same objects occur repeatedly, so that later ones change earlier ones. */
const BASES: Record<string, readonly (string | undefined)[]> = {
  base: [undefined],
  alice: ['base'],
  bob: ['base', 'other'],
  ui: ['alice', 'bob', 'base'],
  deep: ['ui', 'alice', 'mine'],
  other: [undefined, 'base'],
  mine: [undefined],
}
const rarely = fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean())
// Mostly valid environments, so that most rounds have trees to plan. Some have cycles, gaps or stolen keys.
const anEnvironment = name.chain((name) =>
  fc
    .record({
      base: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...(BASES[name] ?? [])) },
        fc.constantFrom(...NAMES),
      ),
      onUnavailable: rule,
      paused: rarely,
      ending: rarely,
      key: fc.oneof({ weight: 5, arbitrary: fc.constant(name) }, fc.constantFrom(...NAMES, 'more')),
    })
    .map(({ base, ending, ...spec }) => {
      const type = name === 'mine' ? 'personal' : 'shared'
      const metadata = ending ? { deletionTimestamp: '2026-11-21T11:00:00Z' } : {}
      return environment(
        name,
        { ...(base === undefined ? { type } : { base }), ttl: '1h', ...spec },
        metadata,
      )
    }),
)
const change = fc.oneof(
  anEnvironment,
  fc
    .record({ name, service: serviceName, more: fc.constantFrom('grpc', 'udp', 'headless', 'none') })
    .map(({ name, service: it, more }) =>
      service(name, it, {
        ...(more === 'headless' && { clusterIP: 'None' }),
        ports: [
          { name: 'http', port: 80 },
          ...(more === 'grpc' ? [{ name: 'grpc', port: 9000 }] : []),
          ...(more === 'udp' ? [{ name: 'udp', port: 80, protocol: 'UDP' }] : []),
        ],
      }),
    ),
  fc
    .record({
      name,
      service: serviceName,
      states: fc.array(fc.record({ ready: fc.boolean(), terminating: rarely, serving: fc.boolean() }), {
        maxLength: 2,
      }),
      grpc: fc.boolean(),
    })
    .map(({ name, service: it, states, grpc }) =>
      slice(
        name,
        it,
        states.map((state, index) => ({
          pod: `${it}-${index}`,
          ip: at(name, SERVICES.indexOf(it) * 2 + index),
          ...state,
        })),
        grpc ? { port: 25002, portName: 'grpc' } : undefined,
      ),
    ),
  fc
    .record({
      name,
      service: serviceName,
      index: fc.nat({ max: 1 }),
      address: fc.option(fc.nat({ max: 3 })),
      sidecar: fc.boolean(),
      hostNetwork: fc.boolean(),
      weight: fc.constantFrom(undefined, undefined, '0', '7', 'none'),
      searches: fc.subarray(NAMES.map((other) => `${other}.svc.cluster.local`)),
    })
    .map(({ name, service: it, index, address, sidecar, hostNetwork, weight, searches }) =>
      pod(name, `${it}-${index}`, address === null ? '' : at(name, address), {
        metadata: {
          namespace: name,
          name: `${it}-${index}`,
          labels: { [LABELS.sidecar]: String(sidecar) },
          annotations: { ...(weight !== undefined && { [ANNOTATIONS.weight]: weight }) },
        },
        spec: { hostNetwork, dnsConfig: { searches } },
      }),
    ),
  fc.record({ name, ending: rarely }).map((it) => namespace(it.name, it.ending ? 'Terminating' : 'Active')),
  fc
    .record({ name, service: serviceName, port: fc.constantFrom(80, 'grpc') })
    .map((it) => preview(it.name, it.service, { service: it.service, port: it.port })),
)
const step = fc.record({ object: change, gone: fc.integer({ min: 0, max: 3 }).map((dice) => dice === 0) })

const newStore = (): Store =>
  new Store((object, reason) => {
    throw new Error(`${objectId(object)}: ${reason}`)
  })

const contents = ({ tables, listeners, environments, previews }: Plan) =>
  structuredClone({ tables, listeners, environments, previews })

test('a plan after any changes equals a plan from scratch, and deltas alone keep the sidecars’ tables up to date', () => {
  const steps = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })
  const manyChanges = fc.array(change, { minLength: 20, maxLength: 60, size: 'max' })
  const someExpired = fc.array(fc.uniqueArray(name, { maxLength: 2 }), { maxLength: 12 })
  fc.assert(
    fc.property(manyChanges, steps, someExpired, (initial, rounds, expired) => {
      const store = newStore()
      const planner = new Planner()
      const sidecars = new Map<string, RouteTable>()
      for (const object of initial) store.put(object)
      planner.update(store, allChanges(store))
      store.takeChanges()
      for (const [id, table] of planner.plan.tables) sidecars.set(id, structuredClone({ epoch: 0, ...table }))
      for (const [index, round] of rounds.entries()) {
        for (const { object, gone } of round) {
          if (gone) store.remove(object)
          else store.put(object)
        }
        store.expire(new Set(expired[index]?.map((it) => `${it}/${it}`)))
        const { tables, known } = planner.update(store, store.takeChanges())
        for (const [id, { before, after }] of tables) follow(sidecars, id, before, after, index + 1, known)
        expect(contents(planner.plan)).toEqual(contents(plan(store)))
        const fresh = [...planner.plan.tables].map(([id, table]) => [
          id,
          { ...table, epoch: sidecars.get(id)?.epoch },
        ])
        expect(Object.fromEntries(sidecars)).toEqual(Object.fromEntries(fresh))
      }
    }),
    { numRuns: 200 },
  )
})

/** What the hub sends and the sidecar applies, as JSON like on the wire. */
function follow(
  sidecars: Map<string, RouteTable>,
  id: string,
  before: Omit<RouteTable, 'epoch'> | undefined,
  after: Omit<RouteTable, 'epoch'> | undefined,
  epoch: number,
  known: ChangeMemo,
): void {
  const held = sidecars.get(id)
  if (after === undefined) sidecars.delete(id)
  else if (held === undefined || before?.environment !== after.environment) {
    sidecars.set(id, structuredClone({ epoch, ...after }))
  } else {
    const change = diffTables(before, after, known)
    const delta = {
      type: 'delta' as const,
      from: held.epoch,
      epoch,
      ...(change ?? { listeners: {}, callers: {} }),
    }
    sidecars.set(id, applyDelta(held, JSON.parse(JSON.stringify(delta)) as typeof delta))
  }
}

/** A forest of valid environments with valid overrides. Names are keys, and each namespace has one pod. */
const forest = fc.record({
  bases: fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
  runs: fc.array(fc.constantFrom('ready', 'unready', 'none'), { minLength: 9, maxLength: 9 }),
  rules: fc.array(rule, { minLength: 9, maxLength: 9 }),
  paused: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 2 }),
})

test('from any sidecar, with any key, a request ends where the chain requires, without a loop', () => {
  fc.assert(
    fc.property(forest, ({ bases, runs, rules, paused }) => {
      const store = newStore()
      const objects: KubernetesObject[] = [environment('e0')]
      const depth = [0]
      for (const [index, base] of bases.entries()) {
        const parent = base % (index + 1)
        depth.push((depth[parent] as number) + 1)
        const spec = { onUnavailable: rules[index + 1], paused: paused.includes(index + 1) }
        objects.push(environment(`e${index + 1}`, { base: `e${parent}`, ...spec }))
      }
      fc.pre(Math.max(...depth) <= 3)
      for (const [index, run] of runs.entries()) {
        if (run === 'none' || index > bases.length) continue
        const ip = `10.0.0.${index}`
        objects.push(service(`e${index}`, 'api'), pod(`e${index}`, 'api', ip))
        objects.push(slice(`e${index}`, 'api', [{ pod: 'api', ip, ready: run === 'ready' }]))
      }
      for (const object of objects) store.put(object)
      const planned = plan(store)
      for (const entry of planned.forest.byName.values()) {
        for (const wanted of planned.forest.byName.values()) {
          if (!planned.tables.has(`${entry.namespace}/api`)) continue
          const expected = expectedAt(entry, wanted, (node) => runs[Number(node.name.slice(1))] as string)
          const { end, hops } = walk(planned, entry.name, wanted.key)
          const owner = planned.forest.byName.get(end) as Node
          // An entry above the end can route there directly.
          const most = owner === entry ? 0 : chainOf(owner).includes(entry) ? 1 : 4
          expect(hops).toBeLessThanOrEqual(most)
          expect([entry.name, wanted.key, end]).toEqual([entry.name, wanted.key, expected])
        }
      }
    }),
    { numRuns: 500 },
  )
})

/**
 * The rule: the nearest environment that can serve, from the key's own up its chain. If no root above the entry has
 * this Service, the topmost environment of the entry's chain that can serve stands in for the root, and serves every
 * key that is not below it. An entry that can neither serve nor forward serves the request itself.
 */
function expectedAt(entry: Node, wanted: Node, runs: (node: Node) => string): string {
  const serves = (node: Node): boolean => {
    if (runs(node) === 'none' || node.paused) return false
    return rootOf(node) === node || runs(node) === 'ready' || node.onUnavailable !== 'baseline'
  }
  const top = chainOf(entry).findLast(serves) ?? entry
  const owner = chainOf(wanted).find(serves)
  const isBelowTop = owner !== undefined && chainOf(owner).includes(top)
  return isBelowTop ? owner.name : top.name
}

/** What the sidecars do, hop by hop (the rules of the sidecar's decision). */
function walk(planned: Plan, entry: string, key: string): { end: string; hops: number } {
  let here = entry
  for (let hops = 0; hops < 6; hops++) {
    const listener = planned.tables.get(`${here}/api`)?.listeners[25001]
    if (listener === undefined) throw new Error(`${here} has no listener`)
    const target = listener.routes[key]
    // A request with the mark of a routed request is served where it arrives.
    if (target !== undefined) return { end: target.environment, hops: hops + 1 }
    if (listener.base === undefined || listener.own.includes(key)) return { end: here, hops }
    here = listener.base.environment
  }
  throw new Error(`a loop: ${key} from ${entry}`)
}
