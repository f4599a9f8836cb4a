import { join } from 'node:path'
import type { Bases } from './base-images.ts'
import { dockerBuild } from './build.ts'

const FOLDER = join(import.meta.dirname, '../../test-e2e/foreign')
const REFERENCE = 'library/service:1'

/** Builds the image of the third-party application, and returns its reference. */
export async function buildForeignImages({ python }: Bases): Promise<string[]> {
  await dockerBuild(FOLDER, [REFERENCE], python)
  return [REFERENCE]
}
