import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import {
  kubeletRestarted,
  leaderDeleted,
  leaderKilled,
  onlyPodDeleted,
  podDeleted,
  podKilled,
} from '../../story/kind/deaths.ts'

onCluster('pods, managers and kubelets that go', () =>
  tell(podDeleted, podKilled, onlyPodDeleted, leaderDeleted, leaderKilled, kubeletRestarted),
)
