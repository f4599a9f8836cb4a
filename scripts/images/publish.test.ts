import { expect, test } from 'vitest'
import { publisher } from './publish.ts'

test.each([
  '',
  'HTTP://x',
  'https://registry.example.com',
  'registry.example.com/',
  'a b',
  '--all',
  'x/UPPER',
])('refuses %j, which is not a registry', async (text) => {
  await expect(publisher(text)).rejects.toThrow(/wanted a registry such as/)
})
