import { expect, test } from 'vitest'
import { Addresses, noBlockSentence } from './addresses.ts'

test('a released address comes again as late as can be, and two runs never share one', async () => {
  const [one, two] = await Promise.all([Addresses.open(), Addresses.open()])
  try {
    const [first, second] = [one.take('pod'), one.take('pod')]
    one.release(first)
    expect(new Set([first, second, one.take('pod'), one.take('service'), two.take('pod')]).size).toBe(5)
    expect(first).toMatch(/^127\.\d+\.\d+\.\d+$/)
  } finally {
    one.close()
    two.close()
  }
})

test('where there are no such addresses, a sentence says what to do', () => {
  expect(noBlockSentence('darwin')).toMatch(/this system \(darwin\) has 127\.0\.0\.1 alone: run it on Linux/)
  expect(noBlockSentence('linux')).toMatch(/end other runs \(each listens at port 25099 of its block\)/)
})
