import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/

/** The files that state the product's version, and how each states it. */
export async function versionedFiles(): Promise<readonly string[]> {
  const { workspaces } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    workspaces: string[]
  }
  return [
    ...workspaces.map((folder) => `${folder}/package.json`),
    'cdk8s/core/images.ts',
    'cdk8s/chart/Chart.yaml',
  ]
}

/** Returns every version of the product in a file: its own, and those of the workspaces that it depends on. */
export const versionsIn = (text: string): string[] =>
  [...text.matchAll(STATEMENT)].map(([, , version]) => version as string)

const STATEMENT =
  /("version": "|"(?:@branchline\/[a-z0-9-]+|branchline)": "|RELEASE = '|^(?:version|appVersion): "?)(\d[^"'\n]*)/gm

if (import.meta.main) {
  const version = process.argv[2] ?? ''
  if (!VERSION.test(version)) {
    console.error(`usage: node scripts/version.ts VERSION, such as 0.2.0; then run npm install`)
    process.exit(64)
  }
  for (const file of await versionedFiles()) {
    const path = join(ROOT, file)
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(STATEMENT, `$1${version}`))
  }
}
