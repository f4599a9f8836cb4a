import { $ } from 'zx'
import type { BaseImage } from './base-images.ts'

/**
 * Builds a folder's image on a base under these references. Throws, with the variable that helps, where the base
 * image could not be fetched.
 */
export async function dockerBuild(
  folder: string,
  references: readonly string[],
  base: BaseImage,
  settings: readonly string[] = [],
): Promise<void> {
  const args = [...settings, `BASE_IMAGE=${base.image}`].flatMap((setting) => ['--build-arg', setting])
  const tags = references.flatMap((reference) => ['--tag', reference])
  const built = await $`docker build --quiet ${args} ${tags} ${folder}`.quiet().nothrow()
  if (built.exitCode === 0) return
  throw new Error(buildFailure(references[0] ?? folder, built.stderr, base))
}

const UNREACHABLE =
  /pull access denied|manifest unknown|no such host|failed to (?:resolve|do request|fetch)|failed to solve.*load metadata|Get "?https?:|request canceled|connection refused|i\/o timeout|not found: manifest|TLS handshake/i

/** What to say of a build that failed: for a base image that cannot be had, which variable names another. */
export function buildFailure(reference: string, said: string, { variable, image }: BaseImage): string {
  const last = said.trim().split('\n').at(-1) ?? ''
  if (!UNREACHABLE.test(said)) return `docker build ${reference}: ${said.trim()}`
  return `docker build ${reference}: the base image ${image} cannot be fetched: set ${variable} to an image that this machine has (${last})`
}
