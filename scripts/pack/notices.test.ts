import { expect, test } from 'vitest'
import { nodeNotice, notices } from './notices.ts'

test('lists each package once, with its licence and its notice', async () => {
  const text = await notices([
    'runtime/relay/main.ts',
    'node_modules/ws/lib/sender.js',
    'node_modules/ws/lib/receiver.js',
    'node_modules/@opentelemetry/api/build/src/index.js',
  ])
  expect(text.match(/^ws \d/gm)).toHaveLength(1)
  expect(text).toContain('Permission is hereby granted')
  expect(text).toMatch(/^@opentelemetry\/api [\d.]+ \(Apache-2\.0\)$/m)
  expect(text).toContain('Apache License')
})

test('an image contains the licence of its Node', async () => {
  expect(await nodeNotice()).toContain('Node.js is licensed for use as follows')
})
