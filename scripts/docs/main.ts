import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { referenceFiles } from './reference.ts'

// `npm run docs` writes docs/reference from the code.
const folder = join(import.meta.dirname, '../../docs/reference')
await mkdir(folder, { recursive: true })
for (const [name, text] of Object.entries(await referenceFiles())) {
  await writeFile(join(folder, name), text)
  console.log(`docs/reference/${name}`)
}
