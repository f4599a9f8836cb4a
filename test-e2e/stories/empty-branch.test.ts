import { tell } from '../harness/tell.ts'
import { emptyBranch } from '../story/empty-branch.ts'

tell(emptyBranch)
