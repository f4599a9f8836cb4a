import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundle } from '../bundle.ts'
import { NODE, readManifest, ROOT } from './manifest.ts'
import { notices } from './notices.ts'

/** The processes that the embedded cluster runs: for the platform's images, and the node of its network. */
const PROCESSES = {
  sidecar: 'runtime/sidecar/main.ts',
  manager: 'runtime/manager/main.ts',
  relay: 'runtime/relay/main.ts',
  node: 'runtime/local/network/namespaces/main.ts',
}
/** Loaded by a process only for a kubeconfig, which the embedded cluster does not have. */
const EXTERNAL = ['@kubernetes/client-node']

/**
 * Builds the package of the command line in a folder, and returns its path. The package contains bundles, so that
 * `npx branchline` downloads one file, and the embedded PostgreSQL of the system.
 */
export async function buildCommand(folder: string): Promise<string> {
  const target = join(folder, 'branchline')
  await mkdir(join(target, 'processes'), { recursive: true })
  const inputs = new Set(await bundle(join(ROOT, 'cli/main.ts'), join(target, 'main.js')))
  for (const [name, entry] of Object.entries(PROCESSES)) {
    for (const input of await bundle(join(ROOT, entry), join(target, `processes/${name}.js`), EXTERNAL))
      inputs.add(input)
  }
  await cp(join(ROOT, 'cli/bin'), join(target, 'bin'), { recursive: true })
  await cp(join(ROOT, 'cdk8s/chart'), join(target, 'chart'), { recursive: true })
  await cp(join(ROOT, 'cli/README.md'), join(target, 'README.md'))
  await cp(join(ROOT, 'LICENSE'), join(target, 'LICENSE'))
  await writeFile(join(target, 'THIRD-PARTY-NOTICES'), await notices([...inputs]))
  const { name, version, description, license } = await readManifest('cli')
  const bin = { branchline: './bin/branchline.js' }
  // The server of the relay's tables: programs, which cannot be bundled. npm installs those of the system.
  const { optionalDependencies } = await readManifest('runtime')
  const engines = { node: NODE }
  const manifest = { name, version, description, license, bin, type: 'module', engines, optionalDependencies }
  await writeFile(join(target, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  return target
}
