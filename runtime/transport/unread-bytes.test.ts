import { afterEach, expect, test } from 'vitest'
import { type SlowReader, unread } from './unread-bytes.ts'

const before = unread.limitBytes
const readers: Reader[] = []
afterEach(() => {
  for (const reader of readers.splice(0)) reader.keep(0)
  unread.limitBytes = before
})

class Reader implements SlowReader {
  unreadBytes = 0
  cut = false

  constructor() {
    readers.push(this)
  }

  keep(bytes: number): this {
    unread.keep(this, bytes)
    return this
  }

  cutUnread(): void {
    this.cut = true
    this.keep(0)
  }
}

test('the longest waiting reader is cut off, not the largest, nor the one that writes', () => {
  unread.limitBytes = 100
  const [slow, quick, large] = [new Reader().keep(20), new Reader().keep(20), new Reader().keep(50)]
  slow.keep(25)
  quick.keep(0)
  quick.keep(20)
  expect(unread.used).toBe(95)
  quick.keep(30)
  expect([slow.cut, quick.cut, large.cut]).toEqual([true, false, false])
  expect(unread.used).toBe(80)
})

test('a single reader is not cut off, and reads are small above half of the limit', () => {
  unread.limitBytes = 100
  const reader = new Reader().keep(50)
  expect(unread.tight).toBe(false)
  reader.keep(150)
  expect([unread.tight, reader.cut]).toEqual([true, false])
  reader.keep(0)
  expect([unread.tight, unread.used]).toEqual([false, 0])
})
