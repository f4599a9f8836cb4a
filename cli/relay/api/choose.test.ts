import { expect, test } from 'vitest'
import { chooseApi, DEFAULT_API } from './choose.ts'

const ACCOUNT = { api: 'https://relay.example.com', key: 'blk_account' }
const RUN = { api: 'http://127.0.0.1:4000', key: 'blk_run' }
const NONE = { environment: {}, account: undefined, runs: [] }

test('the relay that is named comes first, then the account, the running up, and the default', () => {
  const environment = { BRANCHLINE_API: 'http://env:1' }
  const all = { environment, account: ACCOUNT, runs: [RUN] }
  expect(chooseApi({ api: '127.0.0.1:5' }, all).url).toBe('http://127.0.0.1:5')
  expect(chooseApi({}, all).url).toBe('http://env:1')
  expect(chooseApi({}, { ...all, environment: {} })).toEqual({ url: ACCOUNT.api, key: ACCOUNT.key })
  expect(chooseApi({}, { ...NONE, runs: [RUN] })).toEqual({ url: RUN.api, key: RUN.key })
  expect(chooseApi({}, { ...NONE, runs: [RUN, { ...RUN, api: 'http://127.0.0.1:4001' }] }).url).toBe(
    DEFAULT_API,
  )
  expect(chooseApi({}, NONE)).toEqual({ url: DEFAULT_API })
})

test('a stored key goes only to its own relay', () => {
  const sources = { environment: {}, account: ACCOUNT, runs: [RUN] }
  expect(chooseApi({ api: 'https://other.example.com' }, sources).key).toBeUndefined()
  expect(chooseApi({ api: 'https://relay.example.com/' }, sources).key).toBe(ACCOUNT.key)
  expect(chooseApi({ api: RUN.api, key: 'blk_mine' }, sources).key).toBe('blk_mine')
})

test('a text that is no URL is refused', () => {
  expect(() => chooseApi({ api: 'relay' }, NONE)).toThrow('--api is "relay"')
  expect(() => chooseApi({}, { ...NONE, environment: { BRANCHLINE_API: 'ftp://x' } })).toThrow(
    'BRANCHLINE_API',
  )
})
