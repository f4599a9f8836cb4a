import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const REPOSITORY = join(import.meta.dirname, '../..')

/** A tutorial as a user follows it: the commands and the texts of one section of a page. */
export interface Tutorial {
  /** The arguments of each `npx branchline` command, in order. `~` is the home. */
  readonly commands: readonly (readonly string[])[]
  /** The content of each block of YAML. */
  readonly yaml: readonly string[]
}

/** Reads a section of a page in `docs`, so that a tutorial and its test cannot differ. */
export function readTutorial(page: string, heading: string, home: string): Tutorial {
  const text = readFileSync(join(REPOSITORY, 'docs', page), 'utf8')
  const from = text.indexOf(`\n## ${heading}\n`)
  if (from === -1) throw new Error(`docs/${page} has no section "${heading}"`)
  const to = text.indexOf('\n## ', from + 1)
  const section = text.slice(from, to === -1 ? undefined : to)
  const blocks = (language: string): string[] =>
    [...section.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
      ([, block = '']) => block,
    )
  const lines = blocks('sh')
    .join('')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  const commands = lines
    .filter((line) => line.startsWith('npx branchline '))
    .map((line) =>
      line
        .split(/\s+/)
        .slice(2)
        .map((word) => word.replace(/^~/, home)),
    )
  return { commands, yaml: blocks('yaml') }
}
