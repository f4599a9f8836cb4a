import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import { leastRights, networkPolicies, ownPodOnly, tokensReviewed } from '../../story/kind/security.ts'

onCluster('what is denied', () => tell(networkPolicies, leastRights, tokensReviewed, ownPodOnly))
