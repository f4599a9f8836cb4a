/** The functions of Go's text/template, sprig and Helm that the chart uses. */
import { stringify } from 'yaml'

/** Whether Go templates take a value for true. */
export const isTrue = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)

export const FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  not: (value: unknown) => !isTrue(value),
  and: (...values: unknown[]) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values: unknown[]) => values.find((value) => isTrue(value)) ?? values.at(-1),
  eq: (value: unknown, ...others: unknown[]) => others.includes(value),
  ne: (value: unknown, other: unknown) => value !== other,
  default: (standard: unknown, value: unknown) => (isTrue(value) ? value : standard),
  dict: (...pairs: unknown[]) =>
    Object.fromEntries(
      pairs.flatMap((key, index) => (index % 2 === 0 ? [[key as string, pairs[index + 1]]] : [])),
    ),
  fail: (message: string) => {
    throw new Error(message)
  },
  required: (message: string, value: unknown) => {
    if (value === undefined || value === null || value === '') throw new Error(message)
    return value
  },
  join: (separator: string, list: readonly string[]) => list.join(separator),
  int: (value: number) => Math.trunc(value),
  quote: (value: string) => JSON.stringify(value),
  printf: (format: string, ...args: unknown[]) =>
    format.replaceAll(/%[sd%]/g, (verb) => (verb === '%%' ? '%' : String(args.shift()))),
  toJson: (value: Record<string, unknown>) =>
    JSON.stringify(
      Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))),
    ),
  toYaml: (value: unknown) => stringify(value, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE' }).trimEnd(),
  nindent: (count: number, value: string) => `\n${value.replaceAll(/^/gm, ' '.repeat(count))}`,
}
