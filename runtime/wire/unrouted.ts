/**
 * Why requests to a Service are not routed, in one sentence with the remedy. The injection says it about manifests, and
 * the manager about a running cluster. A workload is written as `Deployment "web"`.
 */

/** The sentence about a Service without a cluster IP. */
export const headlessSentence = (service: string): string =>
  `Service "${service}" is headless (spec.clusterIP is None): callers connect to its pods directly, bypassing the ` +
  'sidecar, so requests are not routed; add a Service with a cluster IP and let callers use it'

/** The sentence about a Service whose pods have the network of their node. */
export const hostNetworkSentence = (service: string, workload: string): string =>
  `Service "${service}" leads to ${workload}, which has hostNetwork: its ports belong to the node, so it gets no ` +
  'sidecar and requests are not routed; remove hostNetwork if it is not needed'

/** The sentence about ports with another protocol than TCP, such as `53/UDP`. */
export const notTcpSentence = (service: string, ports: readonly string[]): string =>
  `Service "${service}" has ${ports.join(', ')}: only TCP is routed, so this traffic goes directly to the app`
