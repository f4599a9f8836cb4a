import { onCluster } from '../../harness/kind/cluster.ts'
import { tell } from '../../harness/tell.ts'
import { readable, sameJudgement, strictlyAdmitted } from '../../story/kind/admission.ts'

onCluster('what the API server says', () => tell(strictlyAdmitted, sameJudgement, readable))
