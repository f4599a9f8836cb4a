import { tell } from '../harness/tell.ts'
import { baselineAlone, fiveProcesses } from '../story/baseline.ts'

tell(baselineAlone, fiveProcesses)
