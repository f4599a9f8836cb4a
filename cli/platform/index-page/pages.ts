import { BRAND } from '@branchline/runtime/page/brand'
import { html, type Html } from '@branchline/runtime/page/html'
import { page } from '@branchline/runtime/page/page'
import type { PreviewView } from '../platform.ts'
import type { Index, IndexEnvironment, IndexService } from './model.ts'
import { type Column, table } from './table.ts'

/** How often a page loads itself again, in seconds. */
const REFRESH_SECONDS = 3

/** What a page says about itself. */
export interface PageFacts {
  /** When it was made, as a text. */
  readonly at: string
  /** Whether it loads itself again. */
  readonly refreshes: boolean
}

/** The page of all environments. */
export function indexPage(index: Index, facts: PageFacts): string {
  const { environments, problems, folder } = index
  const count = environments.length === 1 ? '1 environment' : `${environments.length} environments`
  const body = html`<header>
      ${BRAND}
      <div class="bar">
        <h1>Environments</h1>
        ${updates('/', facts)}
      </div>
      <p class="soft">${count} of <code>${folder}</code>, on this machine</p>
    </header>
    <main>
      ${problems.length === 0 ? undefined : problemsSection(index)}
      ${environments.length === 0 ? html`<p class="card">There are no environments yet: add an Environment to the folder.</p>` : environmentsTable(environments)}
      ${environments.map(servicesSection)}
    </main>`
  return page({ title: titleOf(index), body, width: 'wide', ...refreshOf(facts) })
}

/** The page with the last lines of a service. */
export function logsPage(service: IndexService, environment: string, facts: PageFacts): string {
  const path = logsPath(service)
  const body = html`<header>
      ${BRAND}
      <p><a href="/">All environments</a></p>
      <div class="bar">
        <h1>${service.name} of ${environment}</h1>
        ${updates(path, facts)}
      </div>
      <p>${stateOf(service)}</p>
    </header>
    <main>
      ${service.pods.map(
        ({ name, lines }) =>
          html`<section aria-label="Pod ${name}">
            <h2>Pod ${name}</h2>
            ${output(lines)}
          </section>`,
      )}
    </main>`
  return page({ title: `${service.name} of ${environment}`, body, width: 'wide', ...refreshOf(facts) })
}

/** The page for a path that does not exist. */
export const missingPage = (): string =>
  page({
    title: '404 Not found',
    body: html`<main class="card">
      ${BRAND}
      <h1>There is no such page</h1>
      <p class="lead"><a href="/">All environments</a></p>
    </main>`,
  })

const refreshOf = ({ refreshes }: PageFacts) => (refreshes ? { refreshSeconds: REFRESH_SECONDS } : {})

/** Says when the page was made, and lets people stop the updates (WCAG 2.2, 2.2.2). */
const updates = (path: string, { at, refreshes }: PageFacts): Html =>
  refreshes
    ? html`<p class="soft small">
        Updated at ${at}, every ${REFRESH_SECONDS} s. <a href="${path}?updates=off">Pause updates</a>
      </p>`
    : html`<p class="soft small">Updated at ${at}. <a href="${path}">Resume updates</a></p>`

function titleOf({ environments, problems }: Index): string {
  const isReady = environments.every(({ ready, previews }) => ready && previews.every((one) => one.ready))
  if (problems.length > 0) return `(${problems.length}) Branchline environments`
  return isReady ? 'Branchline environments' : '… Branchline environments'
}

function problemsSection({ problems }: Index): Html {
  const items = problems.map(({ severity, file, line, object, message }) => {
    const place = [file, line].filter((part) => part !== undefined).join(':')
    const what = [place, object].filter((part) => part !== undefined && part !== '').join(', ')
    const badge =
      severity === 'error'
        ? html`<span class="badge bad">Error</span>`
        : html`<span class="badge warn">Warning</span>`
    return html`<li>
      ${badge} <span class="soft small">${what}</span>
      <p>${sentence(message)}</p>
    </li>`
  })
  return html`<section aria-labelledby="problems">
    <h2 id="problems">Problems (${problems.length})</h2>
    <ul class="problems">
      ${items}
    </ul>
  </section>`
}

const sentence = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

function environmentsTable(environments: readonly IndexEnvironment[]): Html {
  const rows = environments.map((environment) => [
    html`${environment.name}
      <div class="soft small">${kindOf(environment)}</div>`,
    html`${environment.overrides.join(', ') || 'nothing'}`,
    previewsOf(environment),
    readiness(environment),
  ])
  return html`<section aria-label="Environments">${table(ENVIRONMENT_COLUMNS, rows)}</section>`
}

const ENVIRONMENT_COLUMNS: readonly Column[] = [
  { title: 'Environment', width: 'name' },
  { title: 'Overrides', width: 'short' },
  { title: 'Previews', width: 'long' },
  { title: 'State' },
]

const kindOf = ({ type, base }: IndexEnvironment): string =>
  base === undefined ? `${type}, runs every service` : `${type} of ${base}`

function previewsOf({ previews }: IndexEnvironment): Html {
  if (previews.length === 0) return html`<span class="soft">none</span>`
  return html`<ul>
    ${previews.map((preview) => html`<li>${linkOf(preview)}</li>`)}
  </ul>`
}

function linkOf({ name, url, ready, message }: PreviewView): Html {
  const link =
    url === undefined ? html`${name}` : html`<a href="${url}">${url.replace(/^https?:\/\//, '')}</a>`
  if (ready) return link
  return html`${link}
    <span class="badge warn">Not ready</span
    >${message === undefined ? undefined : html`<div class="soft small">${message}</div>`}`
}

function readiness({ ready, message, isPaused, previews, readyAfterMs }: IndexEnvironment): Html {
  if (!ready) {
    return html`<span class="badge bad">Not ready</span
      >${message === undefined ? undefined : html`<div class="small">${message}</div>`}`
  }
  if (!previews.every((preview) => preview.ready))
    return html`<span class="badge warn">Waits for a preview</span>`
  if (isPaused) {
    return html`<span class="badge warn">Paused</span>
      <div class="soft small">its base serves its requests</div>`
  }
  const after =
    readyAfterMs === undefined
      ? undefined
      : html`<div class="soft small">after ${(readyAfterMs / 1000).toFixed(2)} s</div>`
  return html`<span class="badge good">Ready</span>${after}`
}

function servicesSection({ name, services }: IndexEnvironment, index: number): Html {
  const rows = services.map((service) => [
    html`${service.name}
      <div>${stateOf(service)}</div>`,
    html`${service.pods.map(({ lines }) => output(lines))}
      <div class="small">
        <a href="${logsPath(service)}"
          >More output<span class="hidden"> of ${service.name} of ${name}</span></a
        >
      </div>`,
  ])
  const none = html`<p class="soft">It runs no service: its base serves everything.</p>`
  return html`<section aria-labelledby="services-${index}">
    <h2 id="services-${index}">Services of ${name}</h2>
    ${services.length === 0 ? none : table(SERVICE_COLUMNS, rows)}
  </section>`
}

const SERVICE_COLUMNS: readonly Column[] = [{ title: 'Service', width: 'side' }, { title: 'Last output' }]

function stateOf({ ready, why, ended }: IndexService): Html {
  if (ready) return html`<span class="badge good">Ready</span>`
  if (ended === 'Succeeded') return html`<span class="badge">Completed</span>`
  const reason = sentence((why ?? '').replace(/^is not ready: /, ''))
  return html`<span class="badge bad">${ended ?? 'Not ready'}</span>
    <div class="small">${reason}</div>`
}

const output = (lines: readonly string[]): Html =>
  lines.length === 0 ? html`<p class="soft small">no output yet</p>` : html`<pre>${lines.join('\n')}</pre>`

const logsPath = ({ namespace, name }: IndexService): string =>
  `/logs/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`
