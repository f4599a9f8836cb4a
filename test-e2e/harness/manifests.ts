import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'

/** A folder of manifests, which a target watches as Argo CD watches git. */
export class Manifests {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** A new, empty folder. */
  static async create(): Promise<Manifests> {
    return new Manifests(temporaryFolder('manifests'))
  }

  /** Writes a file at once: whoever watches never sees a half of it. */
  async write(file: string, text: string): Promise<void> {
    const path = join(this.folder, file)
    await writeFile(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
  }

  async remove(file: string): Promise<void> {
    await rm(join(this.folder, file))
  }

  /** Removes the folder and all that is in it. */
  async dispose(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
