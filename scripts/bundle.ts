import { join } from 'node:path'
import { build } from 'esbuild'

/** CommonJS dependencies inside an ES module bundle still call `require` for Node's own modules. */
const REQUIRE =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);"

/**
 * Bundles one entry with all that it imports, but for the `external` packages, into one ES module for Node 22
 * and later. Resolves with the files that went into it, relative to the repository.
 */
export async function bundle(
  entry: string,
  outfile: string,
  external: readonly string[] = [],
): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: join(import.meta.dirname, '..'),
    metafile: true,
    entryPoints: [entry],
    outfile,
    bundle: true,
    external: [...external],
    platform: 'node',
    target: 'node22',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    // A stack trace shows the line that threw.
    lineLimit: 160,
    legalComments: 'none',
    banner: { js: REQUIRE },
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs)
}
