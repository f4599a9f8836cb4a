import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundle } from '../bundle.ts'
import type { Bases } from './base-images.ts'
import { dockerBuild } from './build.ts'

const root = join(import.meta.dirname, '../..')
const TESTS = join(root, 'test-e2e')

/** The entries of the stories' programs, by image: `programs/<name>:1`. */
const ENTRIES: Readonly<Record<string, string>> = {
  caller: 'grpc/caller.ts',
  greeter: 'grpc/greeter.ts',
  websocket: 'websocket/service.ts',
  dropper: 'droppers/service.ts',
}
const PYTHON_REFERENCE = 'programs/dropper-python:1'

/**
 * Builds the images of the stories' programs, with the Dockerfiles of the sample shop and of the third-party application,
 * and returns their references.
 */
export async function buildProgramImages({ node, python }: Bases): Promise<string[]> {
  const references: string[] = []
  for (const [name, entry] of Object.entries(ENTRIES)) {
    const context = await emptyContext(name, 'shop')
    await writeFile(join(context, 'passwd'), 'program:x:65532:65532::/tmp:/sbin/nologin\n')
    await mkdir(join(context, 'app'))
    await writeFile(join(context, 'app/package.json'), '{"type":"module"}\n')
    await bundle(join(TESTS, entry), join(context, 'app/main.js'))
    const reference = `programs/${name}:1`
    await dockerBuild(context, [reference], node)
    references.push(reference)
  }
  const context = await emptyContext('dropper-python', 'foreign')
  await cp(join(TESTS, 'droppers/service.py'), join(context, 'service.py'))
  await dockerBuild(context, [PYTHON_REFERENCE], python)
  return [...references, PYTHON_REFERENCE]
}

/** Creates a folder for a build, with the Dockerfile of another program's folder. */
async function emptyContext(name: string, like: string): Promise<string> {
  const context = join(root, 'dist/images', `program-${name}`)
  await rm(context, { recursive: true, force: true })
  await mkdir(context, { recursive: true })
  await cp(join(TESTS, like, 'Dockerfile'), join(context, 'Dockerfile'))
  return context
}
