import { type CheckResult, valueOr } from '../../check/cluster-result.ts'
import type { CertificateFact, PortFact, RelayFacts } from './facts.ts'

/** How far two clocks may differ: sessions and tokens expire, and leases are compared. In milliseconds. */
const MAX_SKEW_MS = 5_000
/** How long before its end a certificate is a warning, in milliseconds. */
const RENEW_MS = 14 * 86_400_000

const DAY_MS = 86_400_000

type Outcome = Omit<CheckResult, 'category' | 'name'>
const result = (category: string, name: string, outcome: Outcome): CheckResult => ({
  category,
  name,
  ...outcome,
})
const ok = (detail?: string): Outcome => ({ status: 'ok', ...(detail !== undefined && { detail }) })
const error = (detail: string, hint: string): Outcome => ({ status: 'error', detail, hint })
const warning = (detail: string, hint: string): Outcome => ({ status: 'warning', detail, hint })

/** Judges what was read. Pure. */
export function relayChecks(facts: RelayFacts, nowMs: number): CheckResult[] {
  return [
    ...databaseChecks(facts),
    ...portChecks(facts),
    result('addresses', `names below ${facts.domain} resolve`, dnsOutcome(facts)),
    ...certificateChecks(facts, nowMs),
    ...clockChecks(facts),
  ]
}

function databaseChecks({ role, database, isEmbedded }: RelayFacts): CheckResult[] {
  if (role === 'worker') return []
  const name = 'the database answers'
  if (database === undefined)
    return [result('database', name, ok('the first start creates an embedded PostgreSQL'))]
  if ('problem' in database) {
    const hint = isEmbedded
      ? 'look at the message, or restore a backup into another folder with branchline relay restore'
      : 'check DATABASE_URL, that the server runs, and that this machine may connect to it'
    return [result('database', name, error(database.problem, hint))]
  }
  const { version, pending, unknown } = database.value
  return [
    result('database', name, ok(`PostgreSQL ${version}${isEmbedded ? ', embedded' : ''}`)),
    result('database', 'the tables are of this version', tablesOutcome(pending, unknown)),
  ]
}

function tablesOutcome(pending: readonly string[], unknown: readonly string[]): Outcome {
  if (unknown.length > 0)
    return error(
      `a newer version has migrated them (${unknown.join(', ')})`,
      'use that version of Branchline, or undo its migrations with it: branchline relay migrate --to',
    )
  return ok(pending.length === 0 ? undefined : `the next start applies ${pending.join(', ')}`)
}

function portChecks({ ports, isRunning }: RelayFacts): CheckResult[] {
  if (isRunning) return [result('ports', 'the ports are free', ok('a relay runs, and uses them'))]
  const single = ports.filter(({ option }) => option !== '--ports')
  const range = ports.filter(({ option }) => option === '--ports')
  return [
    ...single.map((port) => result('ports', `port ${port.port} is free (${port.what})`, portOutcome(port))),
    ...(range.length === 0 ? [] : [result('ports', 'the ports of circuits are free', rangeOutcome(range))]),
  ]
}

function portOutcome({ problem, option }: PortFact): Outcome {
  return problem === undefined
    ? ok()
    : error(problem, `choose another port with ${option}, or 0 for any free one`)
}

function rangeOutcome(range: readonly PortFact[]): Outcome {
  const taken = range.filter(({ problem }) => problem !== undefined)
  if (taken.length === 0) return ok(`${range.length} ports`)
  const numbers = taken.slice(0, 5).map(({ port }) => String(port))
  const more = taken.length > numbers.length ? ` and ${taken.length - numbers.length} more` : ''
  return warning(
    `not free: ${numbers.join(', ')}${more}`,
    'circuits that get them are UNHEALTHY until they are free: choose another range with --ports',
  )
}

function dnsOutcome({ domain, host, addresses }: RelayFacts): Outcome {
  const found = valueOr(addresses, [])
  const isLocal = domain === 'localhost' || domain.endsWith('.localhost')
  if (found.length > 0) {
    const text = [...new Set(found)].join(', ')
    const isHere = found.every((one) => one.startsWith('127.') || one === '::1')
    if (!isHere || isLocal) return ok(text)
    return warning(
      `${host} is ${text}`,
      'only this machine reaches that address: point the domain to the workers',
    )
  }
  if (isLocal) return ok('browsers and curl lead names below localhost to this machine')
  return error(
    `${host} does not resolve`,
    `add a wildcard record to the DNS of ${domain}: *.${domain} with the addresses of the workers, or of the load balancer in front of them`,
  )
}

function certificateChecks({ certificate, host, domain }: RelayFacts, nowMs: number): CheckResult[] {
  if (certificate === undefined) return []
  const name = `the certificate is valid for names below ${domain}`
  if ('problem' in certificate)
    return [
      result(
        'certificate',
        name,
        error(
          certificate.problem,
          'start the relay, or what ends TLS in front of it, and check --public-url',
        ),
      ),
    ]
  return [result('certificate', name, certificateOutcome(certificate.value, host, domain, nowMs))]
}

function certificateOutcome(
  { names, validTo, problem }: CertificateFact,
  host: string,
  domain: string,
  nowMs: number,
): Outcome {
  const leftMs = Date.parse(validTo) - nowMs
  const covers = names.includes(host) || names.includes(`*.${domain}`)
  if (!covers)
    return error(`it is for ${names.join(', ') || 'no names'}`, `issue a certificate for *.${domain}`)
  if (leftMs <= 0) return error(`it expired at ${validTo}`, 'renew it')
  if (problem !== undefined)
    return error(
      `clients do not trust it (${problem})`,
      'serve the whole chain, or let clients trust its authority',
    )
  const days = Math.floor(leftMs / DAY_MS)
  return leftMs < RENEW_MS
    ? warning(`it expires in ${days} days`, 'renew it, and check what renews it')
    : ok(`it expires in ${days} days`)
}

function clockChecks({ database, isEmbedded, coordinators }: RelayFacts): CheckResult[] {
  const clocks = coordinators.map(({ url, answer }) => ({ what: url, answer }))
  const name = (what: string): string => `the clock agrees with that of ${what}`
  const reached = coordinators.map(({ url, answer }) =>
    result(
      'coordinators',
      `${url} answers`,
      'problem' in answer
        ? error(answer.problem, 'check --coordinator, that the coordinator runs, and the network')
        : ok(),
    ),
  )
  const own =
    database === undefined || 'problem' in database || isEmbedded
      ? []
      : [result('clock', name('the database'), clockOutcome(database.value.aheadMs))]
  const others = clocks.flatMap(({ what, answer }) =>
    'problem' in answer ? [] : [result('clock', name(what), clockOutcome(answer.value.aheadMs))],
  )
  const all = [...reached, ...own, ...others]
  return own.length + others.length > 0
    ? all
    : [...all, result('clock', 'the clock is right', ok('this machine has the only clock of this relay'))]
}

function clockOutcome(aheadMs: number): Outcome {
  const seconds = Math.round(Math.abs(aheadMs) / 100) / 10
  if (Math.abs(aheadMs) <= MAX_SKEW_MS) return ok()
  return error(
    `this machine is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead'}`,
    'let NTP set the clocks: timedatectl set-ntp true',
  )
}
