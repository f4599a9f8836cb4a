import { tell } from '../harness/tell.ts'
import { rawTcp } from '../story/raw-tcp.ts'

tell(rawTcp)
