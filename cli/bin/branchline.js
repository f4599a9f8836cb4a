#!/usr/bin/env node
// Runs on any Node, to say which one is needed: no syntax here that an old one would not read.
/* oxlint-disable typescript/no-unsafe-call, typescript/no-unsafe-assignment, typescript/no-unsafe-member-access,
   typescript/no-unsafe-argument, typescript/no-unsafe-return -- no types reach a plain script */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isNewEnough, OLDEST_NODE } from './node-version.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..')
const bundled = join(folder, 'main.js')
const isPublished = existsSync(bundled)
const main = isPublished ? bundled : join(folder, 'main.ts')

if (isNewEnough(process.versions.node)) {
  await import(pathToFileURL(main).href)
} else {
  const node = nodeFromNpm(folder)
  if (node === undefined) {
    process.stderr.write(
      `branchline needs Node ${OLDEST_NODE} or later, and this is ${process.version}: install a newer Node` +
        (isPublished ? '\n' : `, or run npm ci with optional dependencies, which bring it\n`),
    )
    process.exit(64)
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // The terminal signals both of us; the child decides when it is over.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => process.exit(code ?? 1))
}

function nodeFromNpm(folder) {
  const names = [`node-${process.platform}-${process.arch}/bin/node`, '.bin/node']
  for (let at = folder; ; at = dirname(at)) {
    const found = names.map((name) => join(at, 'node_modules', name)).find((file) => existsSync(file))
    if (found !== undefined) return found
    if (at === dirname(at)) return undefined
  }
}
