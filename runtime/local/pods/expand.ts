const REFERENCE = /\$(\$|\(([^()]*)\))?/g

/**
 * A text with `$(NAME)` replaced as Kubernetes does for `command`, `args` and `env`: `$$` is one `$`, so that
 * `$$(NAME)` stays `$(NAME)`; a name without a value stays as it is.
 */
export function expand(text: string, values: Readonly<Record<string, string | undefined>>): string {
  return text.replace(REFERENCE, (whole, rest: string | undefined, name: string | undefined) => {
    if (rest === '$') return '$'
    if (name === undefined) return whole
    return Object.hasOwn(values, name) ? (values[name] ?? whole) : whole
  })
}

/** A text with every mount path in it replaced by the folder that stands for it; the longest path counts. */
export function rewritePaths(text: string, folders: ReadonlyMap<string, string>): string {
  if (folders.size === 0 || !text.includes('/')) return text
  const paths = [...folders.keys()].toSorted((a, b) => b.length - a.length).map(escaped)
  // Only whole paths: not inside another one, nor the beginning of a longer name. In one pass, since a folder
  // of the run lies below /tmp, where a volume may be mounted too.
  const pattern = new RegExp(`(?<![\\w./-])(?:${paths.join('|')})(?=$|[^\\w.-])`, 'g')
  return text.replace(pattern, (path) => folders.get(path) as string)
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
