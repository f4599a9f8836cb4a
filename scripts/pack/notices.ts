import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './manifest.ts'

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//
const LICENCE = /^(?:un)?licen[cs]e/i
/** The file that the Apache licence requires to be distributed. */
const NOTICE = /^notice/i
const LINE = '-'.repeat(80)

/**
 * Returns the licences of the packages in a bundle, which must be distributed with it. Throws if a package states none.
 * `inputs` are relative to the repository, as in esbuild's metafile.
 */
export async function notices(inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.flatMap((input) => PACKAGE.exec(input)?.[1] ?? []))
  const texts = await Promise.all([...folders].toSorted().map(noticeOf))
  return texts.join(`\n${LINE}\n\n`)
}

/** Returns the licence of Node.js, which the base of an image contains. Empty if npm installed no Node. */
export async function nodeNotice(): Promise<string> {
  const folder = `node_modules/node-${process.platform}-${process.arch}`
  const text = await readFile(join(ROOT, folder, 'LICENSE'), 'utf8').catch(() => '')
  return text === '' ? '' : `\n${LINE}\n\nNode.js, in the base image\n\n${text.trim()}\n`
}

async function noticeOf(folder: string): Promise<string> {
  const path = join(ROOT, folder)
  const { name, version, license } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license?: string
  }
  const files = (await readdir(path)).filter((entry) => LICENCE.test(entry) || NOTICE.test(entry))
  if (license === undefined && files.length === 0) {
    throw new Error(`${name} ${version} states no licence: replace it, or ask its authors`)
  }
  const texts = await Promise.all(files.toSorted().map((file) => readFile(join(path, file), 'utf8')))
  return [
    `${name} ${version} (${license ?? 'see below'})\n`,
    ...texts.map((text) => `${text.trim()}\n`),
  ].join('\n')
}
