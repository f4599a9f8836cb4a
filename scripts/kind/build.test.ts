import { expect, test } from 'vitest'
import { buildFailure } from './build.ts'

const BASE = { variable: 'BASE_IMAGE', image: 'gcr.io/x:1' }

test.each([
  'Get "https://gcr.io/v2/": dial tcp: lookup gcr.io on 10.0.0.1:53: no such host',
  'Get https://gcr.io/v2/: net/http: request canceled while waiting for connection',
  'ERROR: failed to solve: gcr.io/x: failed to resolve source metadata for gcr.io/x: forbidden',
  'pull access denied for branchline.local/node, repository does not exist',
])('a base image that cannot be fetched: which variable names another (%s)', (said) => {
  const message = buildFailure('branchline/relay:1', said, BASE)
  expect(message).toMatch(/^docker build branchline\/relay:1: the base image gcr\.io\/x:1 cannot be fetched/)
  expect(message).toContain('set BASE_IMAGE to an image that this machine has')
  expect(message).toContain(said)
})

test('the message names the variable of the image', () => {
  const message = buildFailure('x:1', 'manifest unknown', { variable: 'FOREIGN_BASE_IMAGE', image: 'a/b:1' })
  expect(message).toContain('the base image a/b:1 cannot be fetched: set FOREIGN_BASE_IMAGE')
})

test('the message of another failure is unchanged', () => {
  expect(buildFailure('x:1', 'COPY failed: no such file\n', BASE)).toBe(
    'docker build x:1: COPY failed: no such file',
  )
})
