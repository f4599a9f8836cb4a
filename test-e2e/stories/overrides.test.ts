import { tell } from '../harness/tell.ts'
import { alicesApi, bobsWorker, mixed } from '../story/overrides.ts'

tell(alicesApi, bobsWorker, mixed)
