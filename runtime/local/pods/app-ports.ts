import { inboundPortSlot } from '@branchline/wire/names'
import type { Container, PodSpec } from '../kubernetes.ts'

/** Returns the ports of a container's app. The injection also declares the ports of the sidecar's listeners there. */
export const appPortsOf = ({ ports }: Container): NonNullable<Container['ports']> =>
  (ports ?? []).filter(({ name }) => inboundPortSlot(name) === undefined)

/** Whether an app of a pod declares a port. */
export const declaresPort = ({ containers }: PodSpec, port: number): boolean =>
  containers.some((container) => appPortsOf(container).some(({ containerPort }) => containerPort === port))
