import { type FSWatcher, statSync, watch } from 'node:fs'

/**
 * Watches folders, not the files in them: a folder reports each change of a file in it, and 10,000 certificates need one
 * watch. A folder that cannot be watched is left out; reading it again from time to time must do.
 */
export class FolderWatch {
  readonly #onChange: () => void
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: string }>()

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /**
   * Watches exactly these folders. A folder that was replaced by another of the same name is watched again. Returns
   * whether a folder was not watched before, so that changes may have been missed.
   */
  set(folders: readonly string[]): boolean {
    const wanted = new Map(folders.flatMap((folder) => entryOf(folder)))
    for (const [folder, { watcher, inode }] of this.#watchers) {
      if (wanted.get(folder) === inode) wanted.delete(folder)
      else {
        watcher.close()
        this.#watchers.delete(folder)
      }
    }
    for (const [folder, inode] of wanted) this.#watch(folder, inode)
    return wanted.size > 0
  }

  close(): void {
    this.set([])
  }

  #watch(folder: string, inode: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, this.#onChange)
      watcher.on('error', () => this.#drop(folder, watcher))
      this.#watchers.set(folder, { watcher, inode })
    } catch {
      // There are no watches left, or the folder is gone.
    }
  }

  #drop(folder: string, watcher: FSWatcher): void {
    watcher.close()
    if (this.#watchers.get(folder)?.watcher === watcher) this.#watchers.delete(folder)
    this.#onChange()
  }
}

function entryOf(folder: string): [string, string][] {
  const found = statSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true ? [[folder, `${found.dev}/${found.ino}`]] : []
}
