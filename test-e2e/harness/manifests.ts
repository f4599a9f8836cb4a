import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'

/** A folder of manifests that a target watches, as Argo CD watches git. */
export class Manifests {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Creates an empty folder. */
  static async create(): Promise<Manifests> {
    return new Manifests(temporaryFolder('manifests'))
  }

  /** Writes a file atomically, so that a watcher never reads half of it. */
  async write(file: string, text: string): Promise<void> {
    const path = join(this.folder, file)
    await writeFile(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
  }

  async remove(file: string): Promise<void> {
    await rm(join(this.folder, file))
  }

  /** Removes the folder with its files. */
  async dispose(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
