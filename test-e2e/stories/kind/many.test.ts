import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import { deletedWithoutManager, manyBranches, namespaceDeleted } from '../../story/kind/many.ts'

onCluster('many branches, and namespaces that go', () =>
  tell(manyBranches, namespaceDeleted, deletedWithoutManager),
)
