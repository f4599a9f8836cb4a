import { $ } from 'zx'
import type { BaseImage } from './base-images.ts'

/**
 * Builds the image of a folder on a base, with these references. If the base cannot be downloaded, throws an error that
 * names the variable for another base.
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

/** Returns the message for a failed build. If the base cannot be downloaded, it names the variable for another base. */
export function buildFailure(reference: string, said: string, { variable, image }: BaseImage): string {
  const last = said.trim().split('\n').at(-1) ?? ''
  if (!UNREACHABLE.test(said)) return `docker build ${reference}: ${said.trim()}`
  return `docker build ${reference}: the base image ${image} cannot be fetched: set ${variable} to an image that this machine has (${last})`
}
