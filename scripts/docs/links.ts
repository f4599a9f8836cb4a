import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const FENCE = /^(```+|~~~+)[\s\S]*?^\1[^\n]*$/gm
const INLINE = /!?\[(?:[^\]\\]|\\.)*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g
const DEFINITION = /^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm
const HEADING = /^#{1,6}\s+(.+?)\s*#*\s*$/gm
const ELSEWHERE = /^(?:[a-z][a-z+.-]*:|\/\/)/i

/** Returns the targets of a page's links, without code. */
export function linksOf(markdown: string): string[] {
  const text = markdown.replaceAll(FENCE, '').replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(INLINE), ...text.matchAll(DEFINITION)].map(([, target]) => target as string)
}

/** Returns the anchors of a page's headings, as GitHub generates them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of markdown.replaceAll(FENCE, '').matchAll(HEADING)) {
    const slug = slugOf(heading as string)
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

const slugOf = (heading: string): string =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')

/**
 * Returns one sentence per broken link between pages. `pages` maps the path of each page in the repository to its text. A
 * link may also name any other file or folder below `root`.
 */
export function brokenLinks(pages: ReadonlyMap<string, string>, root: string): string[] {
  return [...pages].flatMap(([page, text]) =>
    linksOf(text)
      .filter((target) => !ELSEWHERE.test(target))
      .flatMap((target) => faultOf(page, target, pages, root) ?? []),
  )
}

function faultOf(
  page: string,
  target: string,
  pages: ReadonlyMap<string, string>,
  root: string,
): string | undefined {
  const [path = '', anchor] = target.split('#', 2)
  const file = path === '' ? page : relative('.', join(dirname(page), decodeURI(path)))
  if (!pages.has(file) && !existsSync(join(root, file))) return `${page}: ${target} does not exist`
  const text = pages.get(file)
  if (anchor === undefined || text === undefined || anchorsOf(text).has(decodeURI(anchor))) return undefined
  return `${page}: ${file} has no heading for #${anchor}`
}
