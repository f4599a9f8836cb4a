import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml'
import { resolvePlain, resolveTagged } from './yaml-scalar.ts'

/** The maximum size of a document with expanded aliases, in characters of its strings and keys. */
export const MAX_EXPANDED_LENGTH = 16 * 1024 * 1024

/** A key that a map has twice. Offsets are those of the second and the first. */
export interface DuplicateKey {
  readonly key: string
  readonly offset: number
  readonly firstOffset: number
}

/** A fault of a document whose syntax is valid. The message is one sentence. */
export class ValueError extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

const MERGE_TAG = 'tag:yaml.org,2002:merge'
/** The value of an anchor while its node is read. */
const OPEN = Symbol('open')

/**
 * Reads values from nodes as sigs.k8s.io/yaml does. Read the nodes of a document in their order: an alias stands for the
 * last anchor of its name. `anchors` holds their values, and a caller may replace them.
 *
 * A merge key (`<<`) overrides the keys before it, and keys after it override it. (The specification of merge keys says
 * otherwise about keys before it, but this is what Kubernetes does.) Of two equal keys, the last one counts.
 */
export class Evaluation {
  readonly anchors = new Map<string, unknown>()
  readonly duplicates: DuplicateKey[] = []
  /** The number of values read so far, without those that aliases repeat. */
  values = 0
  #merged = 0

  /** Returns the value of a node. Aliases share their values. Throws a {@link ValueError}. */
  valueOf(node: unknown): unknown {
    if (node === null || node === undefined) return null
    this.values++
    if (isAlias(node)) return this.#alias(node.source, offsetOf(node))
    const anchor = (node as { anchor?: string }).anchor
    if (anchor !== undefined) this.anchors.set(anchor, OPEN)
    const value = this.#own(node as Node)
    if (anchor !== undefined) this.anchors.set(anchor, value)
    return value
  }

  /** Returns a copy that changes the anchors of its own only. */
  fork(): Evaluation {
    const fork = new Evaluation()
    for (const [name, value] of this.anchors) fork.anchors.set(name, value)
    return fork
  }

  /** Returns the maps that a merge key adds, each overriding those before it. */
  mergedMaps(node: unknown): Record<string, unknown>[] {
    // Earlier maps of a list take precedence.
    const parts = isSeq(node) ? node.items.toReversed() : [node]
    return parts.map((part) => {
      const value = this.valueOf(part)
      if (isRecord(value)) return value
      throw new ValueError('<< needs a map or a list of maps', offsetOf(part as Node))
    })
  }

  #alias(name: string, offset: number): unknown {
    const value = this.anchors.get(name)
    if (value === OPEN) {
      throw new ValueError('an alias refers to the list or map that contains it: write it out', offset)
    }
    if (value === undefined && !this.anchors.has(name)) {
      throw new ValueError(`the alias *${name} has no anchor &${name} before it`, offset)
    }
    return value
  }

  #own(node: Node): unknown {
    if (isMap(node)) return this.#map(node)
    if (isSeq(node)) return node.items.map((item) => this.valueOf(item))
    return scalarValue(node as Scalar)
  }

  #map(node: YAMLMap): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    const seen = new Map<string, number>()
    for (const pair of node.items) {
      if (isMergeKey(pair)) {
        for (const merged of this.mergedMaps(pair.value)) this.#merge(map, merged, offsetOf(pair.key as Node))
        continue
      }
      const key = keyOf(pair, this)
      const offset = offsetOf(pair.key as Node)
      const firstOffset = seen.get(key)
      if (firstOffset === undefined) seen.set(key, offset)
      else this.duplicates.push({ key, offset, firstOffset })
      define(map, key, this.valueOf(pair.value))
    }
    return map
  }

  #merge(map: Record<string, unknown>, merged: Record<string, unknown>, offset: number): void {
    for (const [key, value] of Object.entries(merged)) {
      this.#merged += key.length + 1
      if (this.#merged > MAX_EXPANDED_LENGTH) {
        throw new ValueError(
          `its merge keys add more than ${MAX_EXPANDED_LENGTH} characters: repeat less`,
          offset,
        )
      }
      define(map, key, value)
    }
  }
}

/** Reports whether a pair is a merge key, `<<` without quotes. */
export function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) && key.value === '<<' && (key.type === 'PLAIN' || key.tag === MERGE_TAG)
}

/** Returns the key of a pair as JSON has it. `yes` is `true`, as in Kubernetes. Throws a {@link ValueError}. */
export function keyOf({ key }: Pair, evaluation: Evaluation): string {
  const value = evaluation.valueOf(key)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  const what = value === null ? 'null' : 'a list or a map'
  throw new ValueError(`a key is ${what}: JSON has only texts as keys`, offsetOf(key as Node))
}

function scalarValue(node: Scalar): unknown {
  const text = String(node.value)
  const { tag } = node
  try {
    const value =
      tag !== undefined ? resolveTagged(text, tag) : node.type === 'PLAIN' ? resolvePlain(text) : text
    if (typeof value !== 'number' || Number.isFinite(value)) return value
  } catch (error) {
    throw new ValueError((error as Error).message, offsetOf(node))
  }
  throw new ValueError(`${text} is a number that JSON does not have: put it in quotes`, offsetOf(node))
}

const offsetOf = (node: Node | null): number => node?.range?.[0] ?? 0

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Sets a key of its own, also if its name is `__proto__`. */
function define(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true })
  } else map[key] = value
}
