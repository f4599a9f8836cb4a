import { tell } from '../harness/tell.ts'
import { churn } from '../story/churn.ts'

tell(churn(64, 60))
