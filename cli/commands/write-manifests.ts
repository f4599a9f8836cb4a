import { mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { entriesOf } from '../edit/entries.ts'
import { composeText } from '@branchline/runtime/local/manifests/yaml'
import { splitDocuments } from '@branchline/runtime/local/manifests/yaml-split'
import { isMap, isSeq, type Node } from 'yaml'
import type { Input } from './inject.ts'

/** A file to write. */
export interface Output extends Input {
  /** The folder that the user named and in which the file is, or the folder of a file that the user named. */
  readonly root: string
}

/** Joins several files to one text: JSON files to a List in JSON, others to one stream of documents. One file passes. */
export function joined(outputs: readonly Input[]): string {
  const [first, second] = outputs
  if (first === undefined || second === undefined) return first?.text ?? ''
  const filled = outputs.map(({ text }) => text).filter((text) => text.trim() !== '')
  if (filled.length > 0 && filled.every(isJson)) return jsonList(filled)
  return filled
    .flatMap((text) => (isJson(text) ? objectsOf(text) : [text]))
    .map((text, index) => {
      // A byte order mark belongs to the begin of a stream.
      const own = index === 0 ? text : text.replace(/^\uFEFF/, '')
      const isApart = index === 0 || own.startsWith('---')
      return `${isApart ? '' : '---\n'}${own}${own.endsWith('\n') ? '' : '\n'}`
    })
    .join('')
}

const isJson = (text: string): boolean => {
  for (const { isJson } of splitDocuments(text)) return isJson
  return false
}

const objectsOf = (text: string): string[] =>
  [...splitDocuments(text)].map(({ start, end }) => text.slice(start, end))

function jsonList(texts: readonly string[]): string {
  const items = texts.flatMap(objectsOf).flatMap(itemsOf)
  const head = { apiVersion: 'v1', kind: 'List', items: [] }
  if (items.every((item) => !item.includes('\n'))) {
    return `${JSON.stringify(head).replace('[]', () => `[${items.join(',')}]`)}\n`
  }
  // JSON has no line breaks inside of texts.
  const lines = items.map((item) => `    ${item.replaceAll('\n', '\n    ')}`).join(',\n')
  return `${JSON.stringify(head, null, 2).replace('[]', () => `[\n${lines}\n  ]`)}\n`
}

/** Returns the texts of the items of a List, or the text of another object. */
function itemsOf(text: string): string[] {
  const { kind, items } = JSON.parse(text) as { kind?: unknown; items?: unknown }
  const root = composeText(text)?.contents
  if (kind !== 'List' || !Array.isArray(items) || !isMap(root)) return [text]
  const list = entriesOf(root, text).find(({ start }) => text.startsWith('"items"', start))?.value as Node
  if (!isSeq(list)) return [text]
  const indent = /^ */.exec(text.slice(text.lastIndexOf('\n', list.range?.[0]) + 1))?.[0] ?? ''
  return entriesOf(list, text).map(({ start, end }) => {
    const line = text.slice(text.lastIndexOf('\n', start) + 1, start)
    const lead = /^[ \t]*$/.test(line) ? line : indent
    return text.slice(start, end).replaceAll(`\n${lead}`, '\n')
  })
}

/** Replaces files with their new texts, each at once. Returns the paths of those that changed. */
export function writeInPlace(inputs: readonly Output[], outputs: readonly Input[]): string[] {
  const changed = outputs.filter(({ text }, index) => text !== inputs[index]?.text)
  for (const { file, text } of changed) {
    // A symbolic link stays one.
    const target = realpathSync(file)
    replaceFile(target, text, statSync(target).mode)
  }
  return changed.map(({ file }) => file)
}

/** Writes files to a folder, at their paths below the folders that the user named. Returns the paths. */
export function writeToFolder(
  folder: string,
  inputs: readonly Output[],
  outputs: readonly Input[],
): string[] {
  const texts = new Map<string, string>()
  for (const [index, { file, text }] of outputs.entries()) {
    const { root } = inputs[index] as Output
    const path = join(folder, relative(root, file))
    if (texts.has(path)) throw new Error(`two files would be written to ${path}: inject them separately`)
    if (resolve(path) === resolve(file)) {
      throw new Error(`--out ${folder} would replace ${file}: use another folder, or --in-place`)
    }
    texts.set(path, text)
  }
  for (const [path, text] of texts) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return [...texts.keys()]
}

/** Writes next to the file and renames, so that no other process sees half a file. */
function replaceFile(file: string, text: string, mode: number): void {
  const next = join(dirname(file), `.${file.split(sep).at(-1) ?? ''}.${process.pid}.tmp`)
  try {
    writeFileSync(next, text, { mode, flag: 'wx' })
    renameSync(next, file)
  } catch (error) {
    rmSync(next, { force: true })
    throw new Error(`${file} cannot be written: ${(error as Error).message}`, { cause: error })
  }
}
