import { afterEach, expect, test, vi } from 'vitest'
import { collectWith, forgetEvidence, keepEvidence } from './evidence.ts'
import { until } from './until.ts'

const collect = vi.fn<() => Promise<string>>()
afterEach(() => {
  forgetEvidence()
  vi.restoreAllMocks()
})

test('keeps evidence of a failure before the story cleans up, once per test', async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  let isStanding = true
  const seen: boolean[] = []
  collectWith(
    collect.mockImplementation(async () => {
      seen.push(isStanding)
      return 'folder'
    }),
  )
  const story = async (): Promise<void> => {
    try {
      await until('a right answer', () => Promise.reject(new Error('wrong')), 0)
    } finally {
      isStanding = false
    }
  }
  await expect(story()).rejects.toThrow('a right answer')
  await keepEvidence()
  expect(seen).toEqual([true])
})

test('a failed collection does not hide the failure of the story', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  collectWith(() => Promise.reject(new Error('no API server')))
  await expect(until('it', () => Promise.reject(new Error('wrong')), 0)).rejects.toThrow(
    'it: not within 0 ms',
  )
  expect(write).toHaveBeenCalledWith(expect.stringContaining('no API server'))
})
