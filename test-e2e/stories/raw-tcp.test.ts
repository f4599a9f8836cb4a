import { tell } from '../harness/tell.ts'
import { rawTcp, rawTcpOfBranch } from '../story/raw-tcp.ts'

tell(rawTcp, rawTcpOfBranch)
