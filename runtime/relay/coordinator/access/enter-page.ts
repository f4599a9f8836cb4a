import { createHash } from 'node:crypto'
import { BRAND } from '../../../page/brand.ts'
import { Html, html } from '../../../page/html.ts'
import { page, PAGE_HEADERS } from '../../../page/page.ts'

/**
 * Takes the token out of the link's fragment, which browsers send to no server, and out of the address. It is the only
 * script of our pages, and the content policy allows exactly this text.
 */
const SCRIPT = `const t = new URLSearchParams(location.hash.slice(1)).get('token')
if (t) {
  history.replaceState(null, '', location.pathname + location.search)
  const f = document.forms[0]
  f.elements.token.value = t
  f.submit()
}`
const SCRIPT_HASH = createHash('sha256').update(SCRIPT).digest('base64')

/** What the page shows. */
export interface EnterPage {
  /** The circuit's host name, to which the browser returns. */
  readonly host: string
  /** Query of the form's address: it names the circuit, and no secret. */
  readonly search: string
  readonly failed: boolean
}

/** The page on which a visitor proves the right to a circuit. It also works without scripts. */
export function enterPage({ host, search, failed }: EnterPage): string {
  const body = html`<main class="card">
    ${BRAND}
    <h1>${host} needs access</h1>
    <p class="lead">Enter an access token for it, or an API key.</p>
    ${failed ? html`<p class="badge bad" role="alert">This token does not open ${host}.</p>` : undefined}
    <form method="post" action="/-/enter${search}">
      <p>
        <label>
          Token
          <input
            name="token"
            type="password"
            autocomplete="off"
            spellcheck="false"
            maxlength="512"
            required
            autofocus
          />
        </label>
        <button>Continue</button>
      </p>
    </form>
    <p class="soft small">
      The owner of the circuit creates a token with <code>branchline relay token create</code>, or with the
      API.
    </p>
    <script>
      ${new Html(SCRIPT)}
    </script>
  </main>`
  const whole = page({ title: `Access to ${host}`, body })
  // The formatter indents the script of the template; the policy has the hash of the text between the tags.
  return whole.replace(/<script>[^]*<\/script>/, `<script>${SCRIPT}</script>`)
}

/** Headers of the page. The form leads back here, and the redirect after it to the circuit's host. */
export function enterHeaders(host: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${SCRIPT_HASH}'`,
    "base-uri 'none'",
    // Browsers apply it to redirects after the form, too.
    `form-action 'self' http://${host}:* https://${host}:*`,
    "frame-ancestors 'none'",
  ]
  return {
    ...Object.fromEntries(PAGE_HEADERS),
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
  }
}
