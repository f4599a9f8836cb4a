import { tell } from '../harness/tell.ts'
import { unknownKey, deadOverride, killedOverride, killedManager } from '../story/failures.ts'

tell(unknownKey, deadOverride, killedOverride, killedManager)
