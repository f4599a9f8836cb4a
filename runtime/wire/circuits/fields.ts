import { z } from 'zod'
import { DURATION } from '../duration.ts'

/** The longest key of a circuit, in characters. */
export const MAX_CIRCUIT_KEY = 200
/** The most targets of a circuit. */
export const MAX_TARGETS = 256

const KEY = /^[A-Za-z0-9]([A-Za-z0-9._~/:-]*[A-Za-z0-9])?$/

/** The key of a circuit: the client's name for it. In a path it is percent-encoded (`session-42%2Fjupyter`). */
export const circuitKey = z
  .string()
  .min(1)
  .max(MAX_CIRCUIT_KEY)
  .regex(KEY, 'letters, digits and . _ ~ / : - between letters or digits')
  .describe('Name of the circuit, chosen by the client. The same key always gets the same host and port.')

const ID = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

/** A short name in a path: the id of a target, the name of a worker or of a group. */
export const shortId = z.string().regex(ID, 'at most 63 letters, digits and . _ - between letters or digits')

/** A short duration, such as `500ms`, `30s` or `1h30m`. */
export const duration = z
  .string()
  .regex(new RegExp(`^[0-9]{1,9}ms$|${DURATION.source}`), 'a duration such as 500ms, 30s or 1h30m')

const HOST_NAME = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** A complete host name in lower case and ASCII (RFC 1123, punycode), without a trailing dot. */
export const hostName = z
  .string()
  .max(253)
  .regex(HOST_NAME, 'a host name in lower case, such as app.example.com')

/** An address or a range of addresses: `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`. Both ends parse it alike. */
export const cidr = z
  .union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], 'an IP address or a CIDR range, such as 10.0.0.0/8')
  .meta({ description: 'IP address or CIDR range.' })

/** Names and values that a client attaches. Syntax of Kubernetes labels. */
export const labels = z
  .record(
    z.string().regex(/^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/),
    z.string().regex(/^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/),
  )
  .refine((record) => Object.keys(record).length <= 32, 'at most 32 labels')
  .describe('Labels of the client. Lists can be filtered by them.')

/** A point in time (RFC 3339, UTC). */
export const instant = z.iso.datetime()
