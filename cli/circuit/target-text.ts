import { type Target, targetInput, type TargetInput } from '@branchline/wire/circuits/target'

/** The form of a target in arguments. */
export const TARGET_FORM = '[ID@]HOST:PORT[=WEIGHT]'

const TARGET = /^(?:([^@=]+)@)?([^@=]+:\d+)(?:=(\d+))?$/

/** Reads a target of the form `[ID@]HOST:PORT[=WEIGHT]`. Undefined if it has another form. */
export function parseTarget(text: string): TargetInput | undefined {
  const [, id, address, weight] = TARGET.exec(text) ?? []
  if (address === undefined) return undefined
  return targetInput.safeParse({
    address,
    ...(id !== undefined && { id }),
    ...(weight !== undefined && { weight: Number(weight) }),
  }).data
}

/** Where a target leads: `10.0.0.7:8888`, `web:80 of alice in cluster dev`, `devbox 42`. */
export function targetText({ address, cluster, devbox }: Omit<TargetInput, 'weight'>): string {
  if (address !== undefined) return address
  if (cluster === undefined) return `devbox ${devbox}`
  const { service, port, environment, name } = cluster
  return `${service}:${port} of ${environment} in cluster ${name}`
}

/** Whether requests can go to a target. Without a check, its status is UNKNOWN. */
export const isUsable = ({ status, draining }: Target): boolean => status !== 'UNHEALTHY' && !draining
