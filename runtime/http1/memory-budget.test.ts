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

test('the free bytes of each connection do not count', () => {
  const budget = budgetOf()
  for (let count = 0; count < 1_000; count++) expect(new Connection(budget).keep(10)).toBe(true)
  expect(budget.used).toBe(0)
})

test('the connection that has kept bytes longest releases them, not the newest one', () => {
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

test('bytes that cannot be released stay, and the new connection finds no room', () => {
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
