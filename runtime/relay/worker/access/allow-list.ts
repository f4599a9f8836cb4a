import type { BlockList } from 'node:net'
import type { AccessRule } from '@branchline/wire/circuits/access'
import { isWithin, rangesOf } from '../../ranges.ts'

/** The allow-lists of access rules. Each is compiled once, because a changed circuit has a new rule. */
export class AllowLists {
  readonly #compiled = new WeakMap<AccessRule, BlockList | 'invalid'>()

  /** Whether a rule admits an address. A list with a bad entry admits no address. */
  admits(rule: AccessRule, address: string | undefined): boolean {
    if (rule.allow === undefined) return true
    let list = this.#compiled.get(rule)
    if (list === undefined) {
      list = compile(rule.allow)
      this.#compiled.set(rule, list)
    }
    return list !== 'invalid' && isWithin(list, address)
  }
}

function compile(entries: readonly string[]): BlockList | 'invalid' {
  try {
    return rangesOf(entries)
  } catch {
    return 'invalid'
  }
}
