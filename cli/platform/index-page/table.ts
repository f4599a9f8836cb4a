import { html, type Html } from '@branchline/runtime/page/html'

/** A column: its title, and the class of its width in the style sheet. Without a class it takes the rest. */
export interface Column {
  readonly title: string
  readonly width?: 'name' | 'short' | 'long' | 'side'
}

/**
 * A table whose first cell of each row is the header of the row. On a narrow screen the style sheet makes blocks of the
 * cells, labelled with the titles. Browsers then forget what a cell is, so each has its role.
 */
export function table(columns: readonly Column[], rows: readonly (readonly Html[])[]): Html {
  return html`<div class="frame">
    <table role="table">
      <colgroup>
        ${columns.map(({ width }) => (width === undefined ? html`<col />` : html`<col class="${width}" />`))}
      </colgroup>
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map(({ title }) => html`<th role="columnheader" scope="col">${title}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map((cells) => rowOf(columns, cells))}
      </tbody>
    </table>
  </div>`
}

function rowOf(columns: readonly Column[], [header, ...cells]: readonly Html[]): Html {
  const others = cells.map(
    (cell, index) => html`<td role="cell" data-label="${columns[index + 1]?.title}">${cell}</td>`,
  )
  return html`<tr role="row">
    <th scope="row" role="rowheader">${header}</th>
    ${others}
  </tr>`
}
