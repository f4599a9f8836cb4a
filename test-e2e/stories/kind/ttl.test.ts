import { vi } from 'vitest'
import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import { timeEnds } from '../../story/kind/ttl.ts'

// The shortest ttl is a minute.
vi.setConfig({ testTimeout: 240_000 })

onCluster('environments whose time ends', () => tell(timeEnds))
