import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './manifest.ts'

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//
const LICENCE = /^licen[cs]e/i

/** The licences of the packages that a bundle's inputs come from, as they ask to be passed on. */
export async function notices(inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.flatMap((input) => PACKAGE.exec(input)?.[1] ?? []))
  const texts: string[] = []
  for (const folder of [...folders].toSorted()) {
    const path = join(ROOT, folder)
    const { name, version, license } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as {
      name: string
      version: string
      license?: string
    }
    const file = (await readdir(path)).find((entry) => LICENCE.test(entry))
    const text = file === undefined ? '' : await readFile(join(path, file), 'utf8')
    texts.push(`${name} ${version} (${license ?? 'see below'})\n\n${text.trim()}\n`)
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}
