import { beforeEach } from 'vitest'
import { forgetEvidence, keepEvidence } from './evidence.ts'

// For every story: evidence of a failure is collected before anything is removed.
beforeEach(({ onTestFailed }) => {
  forgetEvidence()
  onTestFailed(keepEvidence, COLLECT_TIMEOUT_MS)
})

/** Longer than the limit of a collection, in milliseconds. */
const COLLECT_TIMEOUT_MS = 90_000
