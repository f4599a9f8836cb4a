import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import { rollingBaseline, rollingOverride, scaledToZero } from '../../story/kind/rollouts.ts'

onCluster('rolling updates and scaling', () => tell(rollingOverride, rollingBaseline, scaledToZero))
