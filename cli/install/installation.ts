import type { Manifest } from '@branchline/cdk8s/inject/manifest'
import { installationManifests, namespaceManifests } from '@branchline/cdk8s/platform/manifests'
import { CliError } from '../platform/errors.ts'
import { decide, type Decided, decidedAt } from './decide.ts'
import { placed } from './fields.ts'
import { type Dimension, type Point, pointsOf } from './space.ts'
import { dimensionsOf, hasBrokenSymbol, symbolsIn, valuesAt } from './symbols.ts'
import { type Tree, treeOf } from './tree.ts'
import { FIELDS, type PlatformValues, propsOf } from './values.ts'

/** All objects but the CRDs, which no value changes. */
export function objectsOf(values: PlatformValues): Manifest[] {
  const props = propsOf(values)
  return [...namespaceManifests(props), ...installationManifests(props)]
}

export const identity = ({ kind, metadata }: Manifest): string =>
  `${kind}/${metadata.namespace ?? ''}/${metadata.name}`

/** Objects by their identity: for each, which values decide whether it is there and what it says. */
export type Decisions = ReadonlyMap<string, Decided>

/**
 * Every installation at once. Throws where a value arrives nowhere, or where the constructs make manifests of
 * values in a way that decisions do not say.
 */
export function decidedInstallation(objects = objectsOf): Decisions {
  const dimensions = dimensionsOf(FIELDS)
  const family = familyOf(dimensions, objects)
  const decided = decide(dimensions, family)
  if (decided.kind !== 'list') throw new CliError('BL_CHART', 'an installation has no objects')
  const decisions = new Map(decided.parts)
  verifyUse(decisions)
  for (const [name, part] of decisions) verifyPart(part, dimensions, (point) => family(point).parts.get(name))
  return decisions
}

type Objects = Extract<Tree, { readonly parts: unknown }>

/** The objects at a point, each made into a tree once: thousands of points have the same few. */
function familyOf(dimensions: readonly Dimension[], objects: typeof objectsOf): (point: Point) => Objects {
  const trees = new Map<string, Tree>()
  const known = new Map<string, Objects>()
  const treeOfObject = (object: Manifest): Tree => {
    const text = JSON.stringify(object)
    const tree = trees.get(text) ?? treeOf(object)
    trees.set(text, tree)
    return tree
  }
  return (point) => {
    const key = point.join()
    const found = known.get(key)
    if (found !== undefined) return found
    const values = valuesAt(FIELDS, dimensions, point)
    const made = new Map(objects(values).map((object) => [identity(object), treeOfObject(object)]))
    // Nobody compares whole installations, whose text would be long.
    const tree: Objects = { kind: 'list', parts: made, text: key }
    known.set(key, tree)
    return tree
  }
}

/** Holds the decisions about an object against the constructs once more, at all points. */
function verifyPart(
  part: Decided,
  dimensions: readonly Dimension[],
  made: (point: Point) => Tree | undefined,
): void {
  const deciding = new Set(decidingIn(part))
  const known = new Map<string, string | undefined>()
  const allowed = dimensions.map(({ options }) => [...options.keys()])
  for (const point of pointsOf({ dimensions, allowed })) {
    const key = point.filter((_, index) => deciding.has(dimensions[index] as Dimension)).join()
    if (!known.has(key)) known.set(key, decidedAt(part, dimensions, point)?.text)
    if (known.get(key) === made(point)?.text) continue
    const values = JSON.stringify(valuesAt(FIELDS, dimensions, point))
    throw new CliError('BL_CHART', `no template says what the constructs make of ${values}`)
  }
}

function* decidingIn(decided: Decided): Generator<Dimension> {
  if (decided.kind === 'absent' || decided.kind === 'leaf') return
  if (decided.kind === 'switch') {
    yield decided.dimension
    for (const one of decided.cases) yield* decidingIn(one.decided)
  } else for (const [, part] of decided.parts) yield* decidingIn(part)
}

/** Asks for every value: as a decision, or as a symbol that arrived whole. */
function verifyUse(decisions: Decisions): void {
  const used = new Set<string>()
  for (const decided of decisions.values()) {
    for (const { path } of decidingIn(decided)) used.add(path)
    for (const path of saidIn(decided)) used.add(path)
  }
  const lost = placed(FIELDS).filter(({ path }) => !used.has(path))
  if (lost.length === 0) return
  throw new CliError('BL_CHART', `no manifest has the value of ${lost.map(({ path }) => path).join(', ')}`)
}

function* saidIn(decided: Decided): Generator<string> {
  if (decided.kind === 'absent') return
  if (decided.kind === 'leaf') yield* symbolsOf(JSON.stringify(decided.value))
  else if (decided.kind === 'switch') for (const one of decided.cases) yield* saidIn(one.decided)
  else for (const [, part] of decided.parts) yield* saidIn(part)
}

function symbolsOf(text: string): string[] {
  if (hasBrokenSymbol(text)) throw new CliError('BL_CHART', `a manifest has a part of a value only: ${text}`)
  return symbolsIn(text).filter((_, index) => index % 2 === 1)
}
