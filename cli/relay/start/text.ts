/** What a started relay says. */
export interface StartedRelay {
  readonly role: 'all' | 'coordinator' | 'worker'
  /** The URL at which visitors reach the domain. */
  readonly publicUrl: string
  readonly domain: string
  /** URLs. A role that does not run has none. */
  readonly api?: string | undefined
  readonly tunnel?: string | undefined
  readonly https?: string | undefined
  readonly metrics: string
  readonly ports?: string | undefined
  /** The folder with the state, or undefined if it is temporary or in a database. */
  readonly state?: string | undefined
  /** The file with the token of clusters, if this command has made it. */
  readonly tokenFile?: string | undefined
  readonly hasDatabase: boolean
  /** The owner's API key, at the first start. */
  readonly key?: string | undefined
  /** Whether circuits may lead to this machine. */
  readonly allowsLoopback: boolean
  /** Whether the API is at the default URL. */
  readonly isDefaultApi: boolean
}

/** The text for a person who has started a relay: where it is, its key, and what to try. Pure. */
export function startedText(relay: StartedRelay): string {
  const { api, key, role } = relay
  const blocks = [addressLines(relay)]
  if (key !== undefined) blocks.push(["The owner's API key. It is shown only now, so store it:", `  ${key}`])
  if (api !== undefined) blocks.push(nextLines(relay, api))
  blocks.push([endLine(relay)])
  if (role === 'worker') blocks.splice(1, 0, ['It gets its circuits from the coordinator.'])
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function addressLines(relay: StartedRelay): string[] {
  const { role, publicUrl, domain, api, tunnel, metrics, ports } = relay
  const url = new URL(publicUrl)
  url.hostname = `LABEL.${domain}`
  const parts: (readonly [string, string | undefined])[] = [
    ['visitors', role === 'coordinator' ? undefined : url.origin.replace('label.', 'LABEL.')],
    ['TLS', relay.https],
    ['API', api === undefined ? undefined : `${api}/api/v1   (a page with all calls)`],
    ['clusters', tunnel === undefined ? undefined : `${tunnel}${tokenText(relay)}`],
    ['ports', ports],
    ['metrics', metrics],
  ]
  return [
    `The relay runs${role === 'all' ? '' : ` as ${role}`}.`,
    ...parts.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(10)}${text}`])),
  ]
}

const tokenText = ({ tokenFile }: StartedRelay): string =>
  tokenFile === undefined ? '' : `   (their token is in ${tokenFile})`

function nextLines(relay: StartedRelay, api: string): string[] {
  const { key, allowsLoopback, isDefaultApi, role, publicUrl, domain } = relay
  if (role === 'coordinator')
    return [
      'Next, join a worker:',
      ...accountLines(key, isDefaultApi ? undefined : api),
      '  branchline relay join-token create workers > join-token',
      `  branchline relay --role worker --coordinator ${api} --join-token-file join-token --state worker1`,
    ]
  const url = new URL(publicUrl)
  url.hostname = `hello.${domain}`
  const target = allowsLoopback ? '127.0.0.1:3000' : 'example.com:80 --app-host target'
  const lines = [
    'Try, in another terminal:',
    ...accountLines(key, isDefaultApi ? undefined : api),
    `  branchline circuit create hello --target ${target} --access public`,
    `  curl ${url.origin}/`,
  ]
  const note =
    'Circuits may lead only to public addresses. For apps on this machine, add --allow-targets 127.0.0.0/8.'
  return allowsLoopback ? lines : [...lines, '', note]
}

const accountLines = (key: string | undefined, api: string | undefined): string[] => [
  ...(api === undefined ? [] : [`  export BRANCHLINE_API=${api}`]),
  ...(key === undefined ? [] : [`  export BRANCHLINE_API_KEY=${key}`]),
]

function endLine({ state, hasDatabase, role }: StartedRelay): string {
  if (state !== undefined) return `Ctrl-C stops it. What it knows stays in ${state}.`
  if (hasDatabase) return 'Ctrl-C stops it. What it knows stays in the database.'
  return role === 'worker'
    ? 'Ctrl-C stops it. Without --state it has to join again at its next start.'
    : 'Ctrl-C stops it, and everything is lost then: --state DIR keeps it.'
}
