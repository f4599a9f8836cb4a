import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { $ } from 'zx'
import type { BaseImage } from '../kind/base-images.ts'
import type { Architecture } from './postgres.ts'
import { buildFailure, dockerBuild } from '../kind/build.ts'

/** Builds the image of a folder, and returns the reference under which it can be pulled. */
type Build = (
  folder: string,
  reference: string,
  base: BaseImage,
  settings: readonly string[],
) => Promise<string>

/** How images are built, and for which architectures. */
export interface Publish {
  readonly architectures: readonly Architecture[]
  readonly build: Build
}

/** The images contain only files, so buildx needs no emulator for another architecture than this machine's. */
const BOTH: readonly Architecture[] = ['amd64', 'arm64']
const PLATFORMS = BOTH.map((architecture) => `linux/${architecture}`).join(',')

/** The architecture of this machine's images. */
export const ownArchitecture = (): Architecture => (process.arch === 'arm64' ? 'arm64' : 'amd64')

/** The part of a reference before the repository: a host with an optional port, and an optional path. */
const REGISTRY = /^[a-z0-9][a-z0-9.-]*(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/

/**
 * Returns a function that pushes images to a registry: for two architectures if Docker has buildx, otherwise for this
 * machine's. Throws for a text that is not a registry.
 */
export async function publisher(registry: string): Promise<Publish> {
  if (!REGISTRY.test(registry)) {
    throw new Error(
      `--push ${registry}: wanted a registry such as registry.example.com or localhost:5000/team`,
    )
  }
  const hasBuildx = (await $`docker buildx version`.quiet().nothrow()).exitCode === 0
  if (!hasBuildx)
    console.log('docker has no buildx: the images are for the architecture of this machine only')
  const push = hasBuildx ? pushBoth : pushOne
  return {
    architectures: hasBuildx ? BOTH : [ownArchitecture()],
    build: (folder, reference, base, settings) => push(folder, `${registry}/${reference}`, base, settings),
  }
}

const pushBoth: Build = async (folder, reference, base, settings) => {
  const metadata = join(folder, 'metadata.json')
  const args = [...settings, `BASE_IMAGE=${base.image}`].flatMap((setting) => ['--build-arg', setting])
  const built =
    await $`docker buildx build --quiet --push --platform ${PLATFORMS} --metadata-file ${metadata} ${args} --tag ${reference} ${folder}`
      .quiet()
      .nothrow()
  if (built.exitCode !== 0) throw new Error(buildFailure(reference, built.stderr, base))
  const written = JSON.parse(await readFile(metadata, 'utf8')) as Record<string, string>
  return `${reference}@${written['containerimage.digest']}`
}

const pushOne: Build = async (folder, reference, base, settings) => {
  await dockerBuild(folder, [reference], base, [...settings, `TARGETARCH=${ownArchitecture()}`])
  const pushed = await $`docker push ${reference}`.quiet().nothrow()
  if (pushed.exitCode !== 0) {
    throw new Error(`docker push ${reference}: ${pushed.stderr.trim()} (is \`docker login\` needed?)`)
  }
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.stdout)?.[1]
  if (digest === undefined) throw new Error(`docker push ${reference}: printed no digest`)
  return `${reference}@${digest}`
}
