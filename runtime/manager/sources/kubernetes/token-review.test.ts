import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Api, createApi } from '../../../kubernetes/api.ts'
import { respond, refuse, ScriptedApi } from '../../../kubernetes/fixture/scripted-api.ts'
import { DEFAULT_KUBERNETES_LIMITS } from '../../../kubernetes/limits.ts'
import { DEFAULT_TOKEN_REVIEW_LIMITS, identityOf, TokenReviewer } from './token-review.ts'

// Attack: a peer pretends to be a pod to get its route table. Each refusal here is one such attack.

const POST = 'POST /apis/authentication.k8s.io/v1/tokenreviews'
const status = {
  authenticated: true,
  audiences: ['branchline-manager'],
  user: {
    username: 'system:serviceaccount:alice:api',
    extra: {
      'authentication.kubernetes.io/pod-name': ['api-7'],
      'authentication.kubernetes.io/pod-uid': ['u-7'],
    },
  },
}
const API_7 = { namespace: 'alice', pod: 'api-7', uid: 'u-7' }

let server: ScriptedApi
let api: Api
beforeEach(async () => {
  server = await new ScriptedApi().listen()
  api = createApi(server.access(), DEFAULT_KUBERNETES_LIMITS)
})
afterEach(async () => {
  api.close()
  await server.close()
})

test('a token identifies the pod to which it is bound', () => {
  expect(identityOf({ status })).toEqual(API_7)
})

test.each([
  ['a token of another cluster', { ...status, authenticated: false }],
  ['a token without a verdict', { ...status, authenticated: undefined }],
  ['a token for the API server itself', { ...status, audiences: ['https://kubernetes.default.svc'] }],
  ['an API server that knows no audiences', { ...status, audiences: undefined }],
  ['a token that no pod is bound to', { ...status, user: { ...status.user, extra: {} } }],
  [
    'two pods',
    { ...status, user: { ...status.user, extra: { 'authentication.kubernetes.io/pod-name': ['a', 'b'] } } },
  ],
  ['a person', { ...status, user: { ...status.user, username: 'alice' } }],
  [
    'a person whose name looks like an account',
    { ...status, user: { ...status.user, username: 'x:system:serviceaccount:alice:api' } },
  ],
  ['a node', { ...status, user: { ...status.user, username: 'system:node:alice:api' } }],
])('%s identifies no pod', (_, status) => {
  expect(identityOf({ status })).toBeUndefined()
})

test('a token is sent with our audience, reviewed once, and remembered', async () => {
  server.script(POST, respond({ status }, 201))
  const reviewer = new TokenReviewer(api)
  const reviewed = await Promise.all(['t', 't', 't'].map((token) => reviewer.review(token)))
  expect(reviewed).toEqual([API_7, API_7, API_7])
  expect(await reviewer.review('t')).toEqual(API_7)
  const [request, ...others] = server.seen(POST)
  expect(request?.body).toMatchObject({ spec: { token: 't', audiences: ['branchline-manager'] } })
  expect(others).toEqual([])
})

test('each token has its own review, and the oldest result is dropped first', async () => {
  server.always(POST, respond({ status }, 201))
  const reviewer = new TokenReviewer(api, { ...DEFAULT_TOKEN_REVIEW_LIMITS, maxRemembered: 2 })
  for (const token of ['a', 'b', 'c', 'c', 'b', 'a']) await reviewer.review(token)
  expect(server.seen(POST)).toHaveLength(4)
})

test('results expire: both valid and invalid tokens are reviewed again', async () => {
  server.script(
    POST,
    respond({ status: { authenticated: false } }, 201),
    respond({ status }, 201),
    respond({ status: {} }, 201),
  )
  const reviewer = new TokenReviewer(api, { ...DEFAULT_TOKEN_REVIEW_LIMITS, validTtlMs: 0, invalidTtlMs: 0 })
  expect(await reviewer.review('t')).toBeUndefined()
  expect(await reviewer.review('t')).toEqual(API_7)
  expect(await reviewer.review('t')).toBeUndefined()
})

test('a failed review rejects, and is not remembered', async () => {
  server.script(POST, refuse(500), respond({ status }, 201))
  const reviewer = new TokenReviewer(api)
  await expect(reviewer.review('t')).rejects.toMatchObject({ retryable: true })
  expect(await reviewer.review('t')).toEqual(API_7)
})

test('an empty token and one that is too long are not reviewed', async () => {
  const reviewer = new TokenReviewer(api)
  expect(await reviewer.review('')).toBeUndefined()
  expect(await reviewer.review('x'.repeat(20_000))).toBeUndefined()
  expect(server.seen(POST)).toEqual([])
})

test('in a flood of tokens, a bounded number is reviewed or waits, and the others are refused', async () => {
  let now = 0
  let most = 0
  server.always(POST, (response) => {
    most = Math.max(most, ++now)
    setImmediate(() => {
      now--
      respond({ status }, 201)(response, {
        method: '',
        path: '',
        query: new URLSearchParams(),
        headers: {},
        body: undefined,
      })
    })
  })
  const reviewer = new TokenReviewer(api, { ...DEFAULT_TOKEN_REVIEW_LIMITS, maxAtOnce: 2, maxWaiting: 5 })
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => reviewer.review(`t${index}`)),
  )
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(7)
  expect(most).toBeLessThanOrEqual(2)
  expect(await reviewer.review('later')).toEqual(API_7)
})
