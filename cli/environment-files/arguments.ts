/** An image for a workload, or for one container of it. */
export interface OverrideArgument {
  readonly workload: string
  /** Default: the workload's main container. */
  readonly container?: string
  readonly image: string
}

/** A service with an optional port. */
export interface PreviewArgument {
  readonly service: string
  /** Default: the only port of the Service, or its port `http`. */
  readonly port?: number | string
}

/** Parses `SERVICE=IMAGE` or `SERVICE/CONTAINER=IMAGE`. Returns undefined for another text. */
export function parseOverride(text: string): OverrideArgument | undefined {
  const [, workload, container, image] = /^([^=/\s]+)(?:\/([^=/\s]+))?=(\S+)$/.exec(text) ?? []
  if (workload === undefined || image === undefined) return undefined
  return { workload, ...(container !== undefined && { container }), image }
}

/** Parses `SERVICE` or `SERVICE:PORT`, where the port is a number or a name. Returns undefined for another text. */
export function parsePreview(text: string): PreviewArgument | undefined {
  const [, service, port] = /^([^:\s]+)(?::([^:\s]+))?$/.exec(text) ?? []
  if (service === undefined) return undefined
  if (port === undefined) return { service }
  return { service, port: /^\d+$/.test(port) ? Number(port) : port }
}
