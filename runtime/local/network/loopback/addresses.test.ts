import { expect, test } from 'vitest'
import { Addresses, noBlockSentence } from './addresses.ts'

test('a released address is reused as late as possible, and two runs never share one', async () => {
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

test('without such addresses, the error says what to do', () => {
  expect(noBlockSentence('darwin')).toMatch(/this system \(darwin\) has only 127\.0\.0\.1: run it on Linux/)
  expect(noBlockSentence('linux')).toMatch(/stop other runs \(each listens on port 25099 of its block\)/)
})
