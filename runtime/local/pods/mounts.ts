import { readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** A file or folder that a container sees at a path. */
export interface Mount {
  readonly source: string
  /** An absolute path without a slash at the end. */
  readonly target: string
  readonly readOnly: boolean
}

/** What a mount namespace needs to know of the machine. */
export interface Machine {
  readonly exists: (path: string) => boolean
  readonly isFolder: (path: string) => boolean
  /** How many entries a folder has. */
  readonly entries: (folder: string) => number
}

export const MACHINE: Machine = {
  exists: (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,
  isFolder: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  entries: (folder) => readdirSync(folder).length,
}

/** Whether a path is the other one or below it. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)

/**
 * Divides mounts into those that can be mounted and those that would hide a path that the process needs. The paths of
 * the latter are replaced in its variables and arguments. A mount within a hidden one is replaced, too.
 */
export function divideMounts(
  mounts: readonly Mount[],
  needed: readonly string[],
): { mounted: Mount[]; replaced: Mount[] } {
  const hides = ({ target }: Mount): boolean => needed.some((path) => isWithin(path, target))
  const hiding = mounts.filter(hides)
  const replaced = mounts.filter(
    (mount) => hides(mount) || hiding.some(({ target }) => isWithin(mount.target, target)),
  )
  return { mounted: mounts.filter((mount) => !replaced.includes(mount)), replaced }
}

/** A folder with more entries is covered by links, which cost no mount each. */
const MAX_BOUND_ENTRIES = 64

/** The steps of {@link MOUNT_SCRIPT}. */
export type MountStep =
  /** Puts a new folder with the same entries over a folder, so that entries can be added. */
  | { readonly type: 'cover'; readonly path: string; readonly by: 'bind' | 'link' }
  | { readonly type: 'folder' | 'file'; readonly path: string }
  | { readonly type: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }

/**
 * The steps that mount everything in a mount namespace. A mount point that the machine does not have is added to a
 * cover of the nearest folder, so that nothing on the machine's disks changes.
 */
export function mountSteps(mounts: readonly Mount[], machine: Machine = MACHINE): MountStep[] {
  const steps: MountStep[] = []
  const covered = new Set<string>()
  const done: string[] = []
  for (const { source, target, readOnly } of mounts.toSorted(byDepth)) {
    const isInVolume = done.some((other) => isWithin(target, other))
    if (isInVolume || !machine.exists(target)) {
      if (!isInVolume) steps.push(...coverStep(target, covered, machine))
      steps.push({ type: machine.isFolder(source) ? 'folder' : 'file', path: target })
    }
    steps.push({ type: 'bind', source, target, readOnly })
    done.push(target)
  }
  return steps
}

function coverStep(target: string, covered: Set<string>, machine: Machine): MountStep[] {
  let path = dirname(target)
  while (!machine.exists(path)) path = dirname(path)
  if (covered.has(path)) return []
  covered.add(path)
  const isSmall = path === '/' || machine.entries(path) <= MAX_BOUND_ENTRIES
  return [{ type: 'cover', path, by: isSmall ? 'bind' : 'link' }]
}

const depth = (path: string): number => path.split('/').length
const byDepth = (one: Mount, other: Mount): number => depth(one.target) - depth(other.target)

/** The steps as arguments of {@link MOUNT_SCRIPT}: three for each. */
export const stepArguments = (steps: readonly MountStep[]): string[] =>
  steps.flatMap((step) => {
    if (step.type === 'cover') return ['cover', step.path, step.by]
    if (step.type === 'bind') return [step.readOnly ? 'read' : 'write', step.source, step.target]
    return [step.type, step.path, '']
  })

/**
 * A shell script that performs steps in a new mount namespace, then binds files, and becomes a command. Its arguments are
 * a folder for its own use, the steps, `--`, the files (two for each: its source and its path), `--`, and the command.
 */
export const MOUNT_SCRIPT = `
hold=$1 count=0
shift
fail() { echo "branchline: cannot mount $1" >&2; exit 125; }
each() { # calls a function with the entries of a folder that satisfy a test
  action=$1 test=$2 from=$3 into=$4
  set --
  for entry in "\${from%/}"/* "\${from%/}"/.[!.]*; do "$test" "$entry" && set -- "$@" "$entry"; done
  [ $# = 0 ] || "$action" "$@"
}
is_link() { [ -L "$1" ]; }
is_own() { [ -e "$1" ] && ! [ -L "$1" ]; }
copy_links() { cp -P "$@" "$into/"; }
link() { ln -s "$@" "$into/"; }
bind() {
  for entry; do
    if [ -d "$entry" ]; then mkdir -p "$into/\${entry##*/}"; else : >"$into/\${entry##*/}"; fi
    mount --rbind "$entry" "$into/\${entry##*/}" || fail "$entry"
  done
}
cover() {
  count=$((count + 1))
  mkdir -p "$hold/$count" && mount --rbind "$1" "$hold/$count" && mount -t tmpfs -o mode=755 tmpfs "$1" || fail "$1"
  each copy_links is_link "$hold/$count" "$1"
  each "$2" is_own "$hold/$count" "$1"
}
is_other() { is_own "$1" && [ "$1" != "$own" ]; }
cover_root() {
  root=$hold/root own=\${hold#/}
  own=/\${own%%/*}
  mkdir -p "$root" && mount -t tmpfs -o mode=755 tmpfs "$root" && mkdir "$root/.old" || fail /
  # The folder with the new root comes first, while the new root is empty.
  into=$root
  bind "$own"
  each copy_links is_link / "$root"
  each bind is_other / "$root"
  cd "$root" && pivot_root . .old && cd "$folder" && umount -l /.old && rmdir /.old || fail /
}
folder=$PWD
while [ "$1" != -- ]; do
  case $1 in
    cover) if [ "$2" = / ]; then cover_root; else cover "$2" "$3"; fi ;;
    folder) mkdir -p "$2" || fail "$2" ;;
    file) mkdir -p "\${2%/*}" && { [ -e "$2" ] || : >"$2"; } || fail "$2" ;;
    read) mount --bind -o ro "$2" "$3" 2>/dev/null || mount --bind "$2" "$3" || fail "$3" ;;
    write) mount --rbind "$2" "$3" || fail "$3" ;;
  esac
  shift 3
done
shift
while [ "$1" != -- ]; do mount --bind "$1" "$2" || fail "$2"; shift 2; done
shift
cd "$folder" && exec "$@"
`
