import type { GatewayView, PlannedPreview } from '../../../runtime/manager/gateway-view.ts'
import { startGateway } from '../../../runtime/manager/gateway/gateway.ts'
import { createLogger } from '../../../runtime/process/log.ts'

/** Only the manager's end of the tunnel, in a separate process, with one preview whose service has one endpoint. */
const [relay, token, endpoint] = process.argv.slice(2) as [string, string, string]
const preview: PlannedPreview = {
  id: 'alice/web',
  label: 'web--alice',
  environment: 'alice',
  key: 'alice',
  service: 'web',
  port: 80,
  access: 'public',
}
const view: GatewayView = {
  resolve: () => ({ environment: 'alice', endpoints: [endpoint] }),
  previews: () => [preview],
  onPreviews: () => () => {},
  report: (_label, registration) => {
    if (registration.state === 'registered') process.stdout.write('ready\n')
  },
}
const logger = createLogger('gateway', 'silent')
startGateway({ view, relay: new URL(relay), token, cluster: 'bench', logger })
