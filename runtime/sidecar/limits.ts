import type { Limits } from '../http1/index.ts'
import type { ResponseWaits } from '../proxy/decision.ts'
import type { Http2Limits } from '../http2/index.ts'
import type { SubscriptionLimits } from '../pushed/subscription.ts'
import type { UnreadLimits } from '../transport/unread-bytes.ts'
import type { HoldLimits } from './route/hold.ts'
import type { OpeningLimits } from './inbound/opening.ts'
import type { RawLimits } from './inbound/tcp.ts'

/**
 * The limits of a sidecar that differ from the defaults of its parts. To make a field a setting, add a line to the table
 * of settings (`runtime/wire/settings/table.ts`) that names it, for example `http.headBytes`.
 */
export interface SidecarLimits {
  readonly http?: Partial<Limits>
  readonly http2?: Partial<Http2Limits>
  readonly raw?: Partial<RawLimits>
  readonly opening?: Partial<OpeningLimits>
  readonly hold?: Partial<HoldLimits>
  readonly unread?: UnreadLimits
  /** Timeouts of responses from other sidecars. */
  readonly hop?: ResponseWaits
  readonly link?: Partial<SubscriptionLimits>
}
