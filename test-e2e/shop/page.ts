import type { Hop, Product, ShopResponse } from './hop.ts'

const STYLE = `
  :root { color-scheme: light dark; --line: light-dark(#dfe3e8, #333a44); --dim: light-dark(#5d6776, #97a1b0) }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 2rem 1rem }
  h1 { font-size: 1.5rem; margin: 0 }
  p { color: var(--dim); margin: .25rem 0 1.5rem }
  ol { list-style: none; margin: 0; padding: 0 }
  ol li { align-items: center; border: 1px solid var(--line); border-left: 6px solid var(--tone);
    border-radius: 8px; display: grid; gap: 0 1rem; grid-template-columns: 1fr auto; padding: .6rem 1rem }
  ol li + li { margin-top: 1.25rem; position: relative }
  ol li + li::before { color: var(--dim); content: "↓"; left: 1rem; position: absolute; top: -1.45rem }
  b { font-size: 1.1rem }
  small, td { color: var(--dim) }
  .environment { background: var(--tone); border-radius: 99px; color: #fff; font-size: .85rem; padding: .1rem .7rem }
  .ms { color: var(--dim); font-variant-numeric: tabular-nums; text-align: right }
  table { border-collapse: collapse; margin-top: 2rem; width: 100% }
  td { border-top: 1px solid var(--line); padding: .4rem 0 }
  td:last-child { text-align: right }`

/** Renders the shop as a page: one card per hop, coloured by environment, and the products. */
export function renderPage({ hops, products }: ShopResponse): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Shop</h1>
<p>Made by ${hops.length} services: each card says which version responded, in which environment, and how fast.</p>
<ol>${hops.map(renderHop).join('')}</ol>
<table><tbody>${products.map(renderProduct).join('')}</tbody></table>
</body>
</html>
`
}

function renderHop({ service, version, environment, pod, ms }: Hop): string {
  return `
<li data-service="${escape(service)}" data-environment="${escape(environment)}" data-version="${escape(version)}"
  style="--tone: ${tone(environment)}">
<span><b>${escape(service)}</b> ${escape(version)}</span><span class="environment">${escape(environment)}</span>
<small>${escape(pod)}</small><span class="ms">${ms.toFixed(1)} ms</span>
</li>`
}

const renderProduct = ({ name, price }: Product): string =>
  `<tr><td>${escape(name)}</td><td>${price.toFixed(2)} €</td></tr>`

/** Returns the colour of an environment, the same on every page, and dark enough for white text. */
function tone(environment: string): string {
  if (environment === 'baseline') return '#5d6776'
  let sum = 0
  for (const character of environment) sum = (sum * 31 + character.charCodeAt(0)) % 360
  return `hsl(${sum} 60% 38%)`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
