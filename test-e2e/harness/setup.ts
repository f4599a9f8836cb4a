import { beforeEach } from 'vitest'
import { forgetEvidence, keepEvidence } from './evidence.ts'

// For every story: a failure of any kind is explained before anything is taken down.
beforeEach(({ onTestFailed }) => {
  forgetEvidence()
  onTestFailed(keepEvidence, COLLECT_TIMEOUT_MS)
})

/** Longer than a collection may take, in milliseconds. */
const COLLECT_TIMEOUT_MS = 90_000
