import { html } from './html.ts'

/** The mark at the top of every page: a line with a branch, and the name. */
export const BRAND = html`<p class="brand">
  <svg
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-linecap="round"
    aria-hidden="true"
  >
    <path d="M5 2v16M5 13c0-5 9-3 9-8" />
    <circle cx="14" cy="4" r="2" fill="currentColor" stroke="none" /></svg
  >Branchline
</p>`
