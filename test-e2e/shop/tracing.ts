import { createRequire } from 'node:module'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

// OpenTelemetry as its own guide sets it up, and nothing of ours: its defaults propagate traceparent,
// tracestate and baggage. Spans are recorded and exported nowhere.
new NodeTracerProvider().register()
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] })

// The instrumentation patches node:http when it is first required. `import http from 'node:http'` gives the
// same object, so one require before the service's own imports is enough, without a loader.
createRequire(import.meta.url)('node:http')
