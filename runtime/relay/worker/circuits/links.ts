import type { ClusterTarget } from '@branchline/wire/circuits/table'
import type { StreamTarget } from '@branchline/wire/tunnel/control'
import type { Transport } from '../../../transport/transport.ts'
import type { Lookup } from '../clusters/cluster.ts'

/** A way to the services of a cluster: a tunnel of this worker, or another worker that has one. */
export interface StreamLink {
  /** Unique among all links of this process. */
  readonly id: number | string
  /** Open streams. */
  readonly streams: number
  /** Whether it takes new streams, now or once it has room. */
  readonly takesStreams: boolean
  /** Whether it takes a new stream now. */
  readonly hasRoom: boolean
  open(target: StreamTarget): Transport
}

/** The links that reach the services of clusters. */
export interface ClusterLinks {
  /** The links that serve a label of a cluster. The same object until something about it changes. */
  linksOf(target: ClusterTarget, label: string): Lookup<StreamLink>
}
