import { join } from 'node:path'
import { dockerBuild } from './build.ts'

const FOLDER = join(import.meta.dirname, '../../test-e2e/foreign')
const REFERENCE = 'library/service:1'

/**
 * Builds the image of the application that was not written for Branchline, and returns its reference.
 * FOREIGN_BASE_IMAGE names another base than the public Python image.
 */
export async function buildForeignImages(
  baseImage = process.env['FOREIGN_BASE_IMAGE'] || undefined,
): Promise<string[]> {
  await dockerBuild(FOLDER, [REFERENCE], { variable: 'FOREIGN_BASE_IMAGE', image: baseImage })
  return [REFERENCE]
}
