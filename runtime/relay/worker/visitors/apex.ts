import type { Candidate, Decision, Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import { BRAND } from '../../../page/brand.ts'
import { preferredType } from '../../../page/formats.ts'
import { html } from '../../../page/html.ts'
import { page, PAGE_HEADERS } from '../../../page/page.ts'
import { unixUpstream } from '../../../transport/tcp.ts'
import { isApex, urlOf } from '../../../visitor/host.ts'
import type { CoordinatorPages } from './coordinator-pages.ts'

export interface ApexOptions {
  readonly domain: string
  readonly publicUrl: URL
  /** The Unix socket of the server that answers. Undefined: the relay answers with a page that lists nothing. */
  readonly index: string | undefined
  /** Default: there are none. */
  readonly pages?: CoordinatorPages
}

/**
 * The host without a label: the domain itself, which is the relay's own host. Coordinators answer for their pages. The
 * relay knows no environments, so another server may answer for everything else.
 */
export class Apex {
  readonly #options: ApexOptions
  readonly #candidates: readonly Candidate[]

  constructor(options: ApexOptions) {
    this.#options = options
    const { index } = options
    this.#candidates = index === undefined ? [] : [{ upstream: unixUpstream(index), speaks: 'http1' }]
  }

  /** A link to the index for other pages. Undefined if nothing lists anything. */
  get link(): Problem['link'] {
    const { index, publicUrl } = this.#options
    return index === undefined ? undefined : { url: publicUrl.href, text: 'All environments and previews' }
  }

  has(authority: string): boolean {
    const { domain, publicUrl } = this.#options
    return isApex(authority, domain) || isApex(authority, publicUrl.hostname)
  }

  /** `address` returns that of the visitor. */
  route(head: Head, address: () => string | undefined): Decision {
    const { pages } = this.#options
    if (pages?.has(head) === true) return pages.route(head, address())
    return this.#candidates.length === 0 ? this.#page(head) : { candidates: this.#candidates }
  }

  /** A request is over. */
  done(decision: Decision): void {
    this.#options.pages?.done(decision)
  }

  /** The response if the server that answers does not respond. */
  failure(head: Head): Reply {
    const { pages } = this.#options
    if (pages?.has(head) === true) return pages.failure(head)
    const problem: Problem = {
      status: 502,
      reason: 'index-unavailable',
      title: 'The index is not available',
      detail: 'The server that lists environments did not respond. Previews are not affected.',
    }
    return problemReply(problem, head.get('accept'))
  }

  #page(head: Head): Reply {
    const previews = urlOf('<preview>--<environment>', this.#options.publicUrl)
    const circuits = urlOf('<label>', this.#options.publicUrl)
    const type = preferredType(head.get('accept'), ['application/json', 'text/html', 'text/plain'])
    const sentence =
      'It lists none of them, because it has no sign-in. Ask your team for the URL that you need.'
    const bodies: Readonly<Record<string, string>> = {
      'application/json': `${JSON.stringify({ previews })}\n`,
      'text/plain': `Branchline serves previews at ${previews}, and circuits at ${circuits}. ${sentence}\n`,
    }
    const body = html`<main class="card">
      ${BRAND}
      <h1>Previews and circuits</h1>
      <p class="lead">
        This host serves previews at <code>${previews}</code>, and circuits at <code>${circuits}</code>.
      </p>
      <p>${sentence}</p>
    </main>`
    return {
      status: 200,
      headers: [
        ['content-type', `${type}${type === 'application/json' ? '' : '; charset=utf-8'}`],
        ['vary', 'accept'],
        ...PAGE_HEADERS,
      ],
      body: bodies[type] ?? page({ title: 'Branchline', body }),
    }
  }
}
