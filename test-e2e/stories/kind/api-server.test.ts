import { vi } from 'vitest'
import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import { apiServerGone } from '../../story/kind/api-server.ts'

// A control plane of one takes its time to come back.
vi.setConfig({ testTimeout: 300_000 })

onCluster('an API server that goes', () => tell(apiServerGone))
