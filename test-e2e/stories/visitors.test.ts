import { tell } from '../harness/tell.ts'
import { forgedKey, otherVendors, mintedTraceparent, keyInside } from '../story/visitors.ts'

tell(forgedKey, otherVendors, mintedTraceparent, keyInside)
