import { OPERATIONS } from '@branchline/wire/circuits/operations'
import type { Operation } from '@branchline/wire/circuits/operations/operation'
import { PROBLEMS, problemType } from '@branchline/wire/circuits/problem'
import { BRAND } from '../../../page/brand.ts'
import { type Html, html } from '../../../page/html.ts'
import { page } from '../../../page/page.ts'

let made: string | undefined

/** The API as a page for people. It loads nothing. */
export function describeApi(): string {
  made ??= page({ title: 'Branchline relay: API', width: 'wide', body: body() })
  return made
}

function body(): Html {
  const byTag = Map.groupBy(Object.values<Operation>(OPERATIONS), ({ tag }) => tag)
  return html`${BRAND}
    <h1>API of the relay</h1>
    <p>
      Send <code>Authorization: Bearer blk_…</code>. Bodies are JSON. Errors are problem documents (RFC 9457).
      The complete description is <a href="/api/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).
    </p>
    ${[...byTag].map(([tag, operations]) => section(tag, operations))}
    <h2>Problems</h2>
    <div class="frame">
      <table>
        <thead>
          <tr>
            <th>Status</th>
            <th>Type</th>
            <th>Title</th>
          </tr>
        </thead>
        <tbody>
          ${Object.keys(PROBLEMS).map((name) => problemRow(name as keyof typeof PROBLEMS))}
        </tbody>
      </table>
    </div>`
}

const section = (tag: string, operations: readonly Operation[]): Html =>
  html`<h2>${tag}</h2>
    <div class="frame">
      <table>
        <thead>
          <tr>
            <th>Request</th>
            <th>What it does</th>
            <th>Needs</th>
          </tr>
        </thead>
        <tbody>
          ${operations.map(
            ({ method, path, summary, needs }) =>
              html`<tr>
                <th><code>${method} ${path}</code></th>
                <td data-label="What it does">${summary}</td>
                <td data-label="Needs"><code>${needs}</code></td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`

const problemRow = (name: keyof typeof PROBLEMS): Html =>
  html`<tr>
    <th>${PROBLEMS[name][0]}</th>
    <td data-label="Type"><code>${problemType(name)}</code></td>
    <td data-label="Title">${PROBLEMS[name][1]}</td>
  </tr>`
