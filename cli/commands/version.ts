import { CliError } from '../platform/errors.ts'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import { type PlatformPart, platformParts } from '../view/status.ts'

/** The versions of both sides. */
export interface Versions {
  readonly client: { readonly version: string; readonly node: string }
  /** Absent if there is none, or if it cannot be reached. */
  readonly platform?: {
    readonly target: string
    readonly parts: readonly PlatformPart[]
    readonly kubernetes?: string
  }
  /** Why the platform is absent. */
  readonly problem?: string
}

/** Reads the versions of this command and of the platform. Rejects only if the options are wrong. */
export async function readVersions(version: string, options: TargetOptions): Promise<Versions> {
  const client = { version, node: process.version }
  try {
    const target = await openTarget(options)
    const [pods, kubernetes] = await Promise.all([target.list('Pod'), target.serverVersion()])
    const parts = platformParts(pods)
    return {
      client,
      platform: { target: target.name, parts, ...(kubernetes !== undefined && { kubernetes }) },
    }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    return { client, problem: error.message }
  }
}

/** Formats the versions, with a hint if the two sides differ. Pure. */
export function versionText({ client, platform, problem }: Versions): string {
  const lines = [`client:     ${client.version} (Node ${client.node})`]
  if (platform === undefined) return [...lines, `platform:   none: ${problem}`, ''].join('\n')
  lines.push(`target:     ${platform.target}`)
  if (platform.kubernetes !== undefined) lines.push(`kubernetes: ${platform.kubernetes}`)
  for (const { name, versions } of platform.parts)
    lines.push(`${`${name}:`.padEnd(12)}${versions.join(', ') || 'none'}`)
  const others = platform.parts.filter(({ versions }) => versions.some((one) => one !== client.version))
  if (others.length > 0) {
    lines.push(`${others.map(({ name }) => name).join(', ')}: another version than this command`)
  }
  return `${lines.join('\n')}\n`
}
