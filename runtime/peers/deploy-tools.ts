import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const BUILD_TIMEOUT_MS = 1_800_000
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'branchline')

/** `build`, or the command of Helm. */
const setting = process.env['BRANCHLINE_HELM'] ?? 'helm'

/** Builds the command of a Go module unless it is there, and returns the command's path. */
async function build(name: string, module: string): Promise<string> {
  const folder = join(cache, module.replaceAll('/', '-'))
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' }
  if (!existsSync(join(folder, name)))
    await run('go', ['install', module], { env, timeout: BUILD_TIMEOUT_MS })
  return join(folder, name)
}

/**
 * The Helm commands to test with, by a name for test titles: `helm` on the PATH, or the command that BRANCHLINE_HELM names.
 * If that is `build`, builds Helm 3 and Helm 4, which takes some minutes once. Empty if there is none.
 */
export async function helmCommands(): Promise<ReadonlyMap<string, string>> {
  if (setting === 'build') {
    return new Map([
      ['helm 3', await build('helm', 'helm.sh/helm/v3/cmd/helm@v3.19.2')],
      ['helm 4', await build('helm', 'helm.sh/helm/v4/cmd/helm@v4.0.1')],
    ])
  }
  return new Map(spawnSync(setting, ['version']).status === 0 ? [['helm', setting]] : [])
}

/** The command of kustomize with its first arguments: `kustomize`, or the one in kubectl. Undefined if there is none. */
export async function kustomizeCommand(): Promise<readonly string[] | undefined> {
  if (setting === 'build')
    return [await build('kustomize', 'sigs.k8s.io/kustomize/kustomize/v5@v5.7.1'), 'build']
  if (spawnSync('kustomize', ['version']).status === 0) return ['kustomize', 'build']
  if (spawnSync('kubectl', ['kustomize', '--help']).status === 0) return ['kubectl', 'kustomize']
  return undefined
}
