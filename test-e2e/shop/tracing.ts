import { createRequire } from 'node:module'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

// The set-up of OpenTelemetry's guide, without code of ours. Its defaults propagate traceparent, tracestate and baggage.
// Spans are recorded, but not exported.
new NodeTracerProvider().register()
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] })

// The instrumentation patches node:http when it is first required. `import http from 'node:http'` returns the same object,
// so one require before the service's imports is enough, without a loader.
createRequire(import.meta.url)('node:http')
