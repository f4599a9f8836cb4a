import { tell } from '../harness/tell.ts'
import { branchOfBranch, fourthLevel } from '../story/chain.ts'

tell(branchOfBranch, fourthLevel)
