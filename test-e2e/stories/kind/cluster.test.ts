import { onCluster } from '../../harness/kind/cluster.ts'
import { testStories } from '../../harness/test-stories.ts'
import { readable, sameJudgement, strictlyAdmitted } from './admission.ts'
import { apiServerGone } from './api-server.ts'
import {
  kubeletRestarted,
  leaderDeleted,
  leaderKilled,
  onlyPodDeleted,
  podDeleted,
  podKilled,
} from './deaths.ts'
import { deletedWithoutManager, manyBranches, namespaceDeleted } from './many.ts'
import { coordinatorDeleted, coordinatorsGone, workerDeleted } from './relay.ts'
import { rollingBaseline, rollingOverride, scaledToZero } from './rollouts.ts'
import { leastRights, networkPolicies, ownPodOnly, tokensReviewed } from './security.ts'
import { timeEnds } from './ttl.ts'

onCluster(() =>
  testStories({
    admission: [strictlyAdmitted, sameJudgement, readable],
    security: [networkPolicies, leastRights, tokensReviewed, ownPodOnly],
    many: [manyBranches, namespaceDeleted, deletedWithoutManager],
    ttl: [timeEnds],
    rollouts: [rollingOverride, rollingBaseline, scaledToZero],
    deaths: [podDeleted, podKilled, onlyPodDeleted, leaderDeleted, leaderKilled, kubeletRestarted],
    relay: [workerDeleted, coordinatorDeleted, coordinatorsGone],
    'api-server': [apiServerGone],
  }),
)
