import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './manifest.ts'

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//
const LICENCE = /^(?:un)?licen[cs]e/i
/** What the Apache licence asks to be passed on with it. */
const NOTICE = /^notice/i
const LINE = '-'.repeat(80)

/**
 * The licences of the packages that a bundle's inputs come from, as they ask to be passed on. Throws where a
 * package states none. `inputs` are relative to the repository, as esbuild's metafile has them.
 */
export async function notices(inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.flatMap((input) => PACKAGE.exec(input)?.[1] ?? []))
  const texts = await Promise.all([...folders].toSorted().map(noticeOf))
  return texts.join(`\n${LINE}\n\n`)
}

/** The licence of Node.js and of what it holds, for images: their base brings it. Empty where npm brought no Node. */
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
