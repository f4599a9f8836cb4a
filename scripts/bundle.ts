import { basename, dirname, extname, join } from 'node:path'
import { build } from 'esbuild'
import { OLDEST_NODE } from '../cli/bin/node-version.js'

/** CommonJS dependencies inside an ES module bundle still call `require` for Node's own modules. */
const REQUIRE =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);"

/**
 * Bundles one entry with all that it imports, but for the `external` packages, into ES modules for the oldest
 * Node and later: the named file, and beside it those that it imports later. Resolves with the files that went into it,
 * relative to the repository.
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
    // What is imported only when it is asked for (OpenTelemetry) is not read before.
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
    // An image on an older base, or an older Node on a laptop, ends with a sentence.
    inject: [join(import.meta.dirname, 'check-node.js')],
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs)
}
