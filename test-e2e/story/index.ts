import { baselineAlone, fiveProcesses } from './baseline.ts'
import { branchOfBranch, fourthLevel } from './chain.ts'
import { emptyBranch } from './empty-branch.ts'
import { deadOverride, killedManager, killedOverride, unknownKey } from './failures.ts'
import { fallback } from './fallback.ts'
import { alicesApi, bobsWorker, mixed } from './overrides.ts'
import type { Proof } from './proof.ts'
import { rawTcp, rawTcpOfBranch } from './raw-tcp.ts'
import { forgedKey, keyInside, mintedTraceparent, otherVendors } from './visitors.ts'

/** The whole story, in the order in which it is told. */
export const STORY: readonly Proof[] = [
  baselineAlone,
  alicesApi,
  bobsWorker,
  fiveProcesses,
  mixed,
  branchOfBranch,
  fourthLevel,
  fallback,
  emptyBranch,
  rawTcp,
  rawTcpOfBranch,
  forgedKey,
  otherVendors,
  mintedTraceparent,
  keyInside,
  unknownKey,
  deadOverride,
  killedOverride,
  killedManager,
]
