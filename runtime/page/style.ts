/** The style sheet of all pages. Colours have a contrast of at least 4.5:1 in both schemes (WCAG 2.2, 1.4.3). */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fbfbfa; --card: #fff; --ink: #1c2024; --soft: #5a636c; --line: #dfe2e6; --code: #f1f3f5;
  --link: #0b5cad; --good: #14692f; --good-ground: #e3f4e8; --bad: #a2191f; --bad-ground: #fdeaea;
  --warn: #7a4b00; --warn-ground: #fff3d9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --card: #1c2024; --ink: #e7eaed; --soft: #a3adb6; --line: #343a40; --code: #262b30;
    --link: #7cb8f5; --good: #7fd39a; --good-ground: #17351f; --bad: #ff9c9c; --bad-ground: #431c1f;
    --warn: #f2c46d; --warn-ground: #3d2f12;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere;
}
body.narrow { max-width: 42rem; }
body.wide { max-width: 72rem; }
a { color: var(--link); text-underline-offset: 0.15em; }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 0.75rem; }
h3 { font-size: 1.05rem; line-height: 1.4; margin: 0; }
p { margin: 0.5rem 0; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.85em; }
code { background: var(--code); border-radius: 4px; padding: 0.1em 0.35em; }
pre {
  margin: 0; padding: 0.6rem 0.75rem; background: var(--code); border-radius: 6px;
  white-space: pre-wrap; line-height: 1.45;
}
.brand { display: flex; align-items: center; gap: 0.5rem; color: var(--soft); font-weight: 600; }
.brand svg { width: 1.25rem; height: 1.25rem; flex: none; }
.soft { color: var(--soft); }
.small { font-size: 0.875rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem; }
.narrow .card { margin: 12vh 0 1.25rem; padding: 2rem; }
.card .lead { font-size: 1.05rem; margin: 0.75rem 0; }
.badge {
  display: inline-block; border-radius: 1rem; padding: 0.05rem 0.6rem; font-size: 0.8125rem; font-weight: 600;
  white-space: nowrap; background: var(--code); color: var(--ink);
}
.badge.good { color: var(--good); background: var(--good-ground); }
.badge.bad { color: var(--bad); background: var(--bad-ground); }
.badge.warn { color: var(--warn); background: var(--warn-ground); }
.bar { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0.25rem 1.5rem; }
table { width: 100%; border-collapse: collapse; background: var(--card); }
.frame { border: 1px solid var(--line); border-radius: 10px; overflow: hidden; background: var(--card); }
caption { text-align: left; padding: 0.9rem 1rem 0.6rem; }
th, td { text-align: left; vertical-align: top; padding: 0.6rem 1rem; border-top: 1px solid var(--line); }
thead th { font-size: 0.8125rem; font-weight: 600; color: var(--soft); border-top: 0; background: var(--code); }
caption + thead th { border-top: 1px solid var(--line); }
tbody th { font-weight: 600; }
th .small { font-weight: 400; }
.frame + .frame, section > .frame:first-child { margin-top: 1.5rem; }
td pre + pre, td p + pre { margin-top: 0.4rem; }
table { table-layout: fixed; }
col.name { width: 20%; }
col.short { width: 16%; }
col.long { width: 36%; }
col.side { width: 26%; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
td ul { list-style: none; margin: 0; padding: 0; }
.problems { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.6rem; }
.problems li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.75rem 1rem; }
.problems p { margin: 0.25rem 0 0; }
section + section { margin-top: 1.25rem; }
@media (max-width: 40rem) {
  body { padding: 1.25rem 0.9rem 3rem; }
  .narrow .card { margin-top: 4vh; padding: 1.25rem; }
  table, tbody, tr, th, td, caption { display: block; width: 100%; }
  colgroup { display: none; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { border-top: 1px solid var(--line); padding: 0.5rem 0; }
  thead + tbody tr:first-child { border-top: 0; }
  caption + thead + tbody tr:first-child { border-top: 1px solid var(--line); }
  tbody th, tbody td { border: 0; padding: 0.25rem 1rem; }
  td[data-label]::before { content: attr(data-label); display: block; font-size: 0.75rem; color: var(--soft); }
}
`
