import { expect, test } from 'vitest'
import { type Keeper, MemoryBudget } from './memory-budget.ts'

class Connection implements Keeper {
  countedBytes = 0
  sheds = 0
  readonly #budget: MemoryBudget

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  keep(bytes: number, canShed = true): boolean {
    return this.#budget.keep(this, bytes, canShed)
  }

  shed(): void {
    this.sheds++
    this.keep(0)
  }
}

const budgetOf = (): MemoryBudget => new MemoryBudget({ keptFreeBytes: 10, keptTotalBytes: 100 })

test('what each connection has for nothing does not count', () => {
  const budget = budgetOf()
  for (let count = 0; count < 1_000; count++) expect(new Connection(budget).keep(10)).toBe(true)
  expect(budget.used).toBe(0)
})

test('the one that has kept bytes for longest lets go, not the one that came last', () => {
  const budget = budgetOf()
  const [slow, slower, late] = [new Connection(budget), new Connection(budget), new Connection(budget)]
  slower.keep(20)
  slow.keep(40)
  slower.keep(60)
  expect(budget.used).toBe(80)
  expect(late.keep(70)).toBe(true)
  expect([slower.sheds, slow.sheds, late.sheds]).toEqual([1, 0, 0])
  expect(budget.used).toBe(90)
})

test('what cannot be let go of stays, and the new one has no room then', () => {
  const budget = budgetOf()
  const [running, late] = [new Connection(budget), new Connection(budget)]
  expect(running.keep(110, false)).toBe(true)
  expect(late.keep(11)).toBe(false)
  expect(running.sheds).toBe(0)
  late.keep(0)
  expect(budget.used).toBe(100)
  running.keep(0)
  expect(late.keep(110)).toBe(true)
  expect(budget.used).toBe(100)
})
