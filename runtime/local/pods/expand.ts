const REFERENCE = /\$(\$|\(([^()]*)\))?/g

/**
 * Replaces `$(NAME)` like Kubernetes does in `command`, `args` and `env`: `$$` becomes one `$`, so `$$(NAME)` becomes
 * `$(NAME)`. A name without a value stays unchanged.
 */
export function expand(text: string, values: Readonly<Record<string, string | undefined>>): string {
  return text.replace(REFERENCE, (whole, rest: string | undefined, name: string | undefined) => {
    if (rest === '$') return '$'
    if (name === undefined) return whole
    return Object.hasOwn(values, name) ? (values[name] ?? whole) : whole
  })
}

/** Replaces every mount path in a text by the folder that stands for it. The longest path wins. */
export function rewritePaths(text: string, folders: ReadonlyMap<string, string>): string {
  if (folders.size === 0 || !text.includes('/')) return text
  const paths = [...folders.keys()].toSorted((a, b) => b.length - a.length).map(escaped)
  // Only whole paths: not inside another one, and not the beginning of a longer name. In one pass, because the run's
  // folders are below /tmp, where a volume may also be mounted.
  const pattern = new RegExp(`(?<![\\w./-])(?:${paths.join('|')})(?=$|[^\\w.-])`, 'g')
  return text.replace(pattern, (path) => folders.get(path) as string)
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
