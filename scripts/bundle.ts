import { basename, dirname, extname, join } from 'node:path'
import { build } from 'esbuild'
import { OLDEST_NODE } from '../cli/bin/node-version.js'

/** CommonJS dependencies inside an ES module bundle still call `require` for Node's own modules. */
const REQUIRE =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);"

/**
 * Bundles an entry with its imports, except the `external` packages, into ES modules for the oldest supported Node: the
 * named file, and next to it the modules that it imports dynamically. Resolves with the input files, relative to the
 * repository.
 */
export async function bundle(
  entry: string,
  outfile: string,
  external: readonly string[] = [],
): Promise<string[]> {
  const name = basename(outfile, extname(outfile))
  const { metafile } = await build({
    absWorkingDir: join(import.meta.dirname, '..'),
    metafile: true,
    entryPoints: [{ in: entry, out: name }],
    outdir: dirname(outfile),
    outExtension: { '.js': extname(outfile) },
    // Dynamic imports (OpenTelemetry) are loaded only when they are needed.
    splitting: true,
    chunkNames: `${name}-[hash]`,
    bundle: true,
    external: [...external],
    platform: 'node',
    target: `node${OLDEST_NODE}`,
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    // A stack trace shows the line that threw.
    lineLimit: 160,
    legalComments: 'none',
    banner: { js: REQUIRE },
    // On an older Node, in an image or on a laptop, the bundle exits with a message.
    inject: [join(import.meta.dirname, 'check-node.js')],
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs)
}
