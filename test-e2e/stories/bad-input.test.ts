import { tell } from '../harness/tell.ts'
import { badInput } from '../story/bad-input.ts'
import { garbage } from '../story/garbage.ts'

tell(...badInput, garbage)
