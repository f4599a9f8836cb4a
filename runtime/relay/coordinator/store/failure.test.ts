import { DatabaseError } from 'pg'
import { expect, test } from 'vitest'
import { asProblem } from '../api/errors.ts'
import { asStoreError } from './failure.ts'

test('a full disk of the database is a refusal to try again later, not a fault of the relay', () => {
  const error = Object.assign(new DatabaseError('could not extend file', 0, 'error'), { code: '53100' })
  const seen = asStoreError(error)
  expect(seen).toMatchObject({
    code: 'BL_RELAY_DATABASE',
    message: 'The database has no room: could not extend file',
  })
  expect(asProblem(seen, { state: 'up' })).toMatchObject({ status: 503 })
})
