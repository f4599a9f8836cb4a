import { tell } from '../harness/tell.ts'
import { badInput } from '../story/bad-input.ts'

tell(...badInput)
