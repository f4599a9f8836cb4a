import { cliReference } from './cli.ts'
import { crdReference } from './crds.ts'
import { errorReference } from './errors.ts'
import { GENERATED } from './markdown.ts'
import { metricsReference } from './metrics.ts'
import { namesReference } from './names.ts'
import { settingsReference } from './settings.ts'
import { variablesReference } from './variables.ts'

/** Returns the generated files of `docs/reference`, by name. */
export async function referenceFiles(): Promise<Readonly<Record<string, string>>> {
  const files = {
    'cli.md': cliReference(),
    'custom-resources.md': crdReference(),
    'errors.md': errorReference(),
    'metrics.md': await metricsReference(),
    'names.md': await namesReference(),
    'settings.md': settingsReference(),
  }
  const variables = { 'environment-variables.md': variablesReference(Object.values(files).join('')) }
  return Object.fromEntries(
    Object.entries({ ...files, ...variables }).map(([name, text]) => [name, `${GENERATED}${text}`]),
  )
}
