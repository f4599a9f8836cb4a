import { baselineAlone, fiveProcesses } from './baseline.ts'
import { branchOfBranch, fourthLevel } from './chain.ts'
import { emptyBranch } from './empty-branch.ts'
import { deadOverride, killedManager, killedOverride, unknownKey } from './failures.ts'
import { fallback } from './fallback.ts'
import { alicesApi, bobsWorker, mixed } from './overrides.ts'
import type { Stories } from './proof.ts'
import { rawTcp, rawTcpOfBranch } from './raw-tcp.ts'
import { forgedKey, keyInside, mintedTraceparent, otherVendors } from './visitors.ts'

/** The stories of the sample shop that the demo and the tests prove, in this order. */
export const SHOP_STORIES = {
  baseline: [baselineAlone, fiveProcesses],
  overrides: [alicesApi, bobsWorker, mixed],
  chain: [branchOfBranch, fourthLevel],
  fallback: [fallback],
  'empty-branch': [emptyBranch],
  'raw-tcp': [rawTcp, rawTcpOfBranch],
  visitors: [forgedKey, otherVendors, mintedTraceparent, keyInside],
  failures: [unknownKey, deadOverride, killedOverride, killedManager],
} as const satisfies Stories
