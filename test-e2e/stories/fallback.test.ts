import { tell } from '../harness/tell.ts'
import { fallback } from '../story/fallback.ts'

tell(fallback)
