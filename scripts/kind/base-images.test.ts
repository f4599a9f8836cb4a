import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BASE_IMAGES, readBases } from './base-images.ts'

test('BASE_IMAGE sets the base of every image', () => {
  const bases = readBases({ BASE_IMAGE: 'mirror/node:24', FOREIGN_BASE_IMAGE: '' })
  expect(Object.values(bases).map(({ image }) => image)).toEqual(Array(3).fill('mirror/node:24'))
  expect(readBases({ BASE_IMAGE: 'a', FOREIGN_BASE_IMAGE: 'b' }).python.image).toBe('b')
  expect(readBases({}).product.image).toBe(BASE_IMAGES.product)
})

test('no Dockerfile names a base', () => {
  const files = globSync('{kind,test-e2e}/**/Dockerfile')
  expect(files.length).toBeGreaterThan(1)
  for (const file of files) {
    const bases = readFileSync(file, 'utf8').match(/^(?:ARG BASE_IMAGE|FROM).*/gm)
    expect({ file, bases }).toEqual({ file, bases: ['ARG BASE_IMAGE', 'FROM ${BASE_IMAGE}'] })
  }
})
