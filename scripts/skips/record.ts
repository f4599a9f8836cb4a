import { join } from 'node:path'

/** Where a run of `npm test` keeps what its tests did, until its end: one JSON object per line. */
export const RECORD = join(import.meta.dirname, '../../node_modules/.cache/branchline/outcomes.jsonl')
