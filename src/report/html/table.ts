import { type Content, type Html, html } from "./markup.js";

/** A column of an {@link htmlTable}. */
export interface Column<Row> {
  readonly title: string;
  /** Numbers stand at the right; names from outside may be long, and are broken where they must. Default: neither. */
  readonly kind?: "number" | "name";
  readonly cell: (row: Row) => Content;
}

/**
 * A table, in a frame that scrolls where the page is too narrow for it. The first cell of a row is its head.
 *
 * @param label what it is, for those who do not see it
 * @param options.footer rows of as many cells, e.g. means
 */
export function htmlTable<Row>(
  label: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { footer?: readonly (readonly Content[])[] } = {},
): Html {
  const kind = (i: number) => (columns[i]?.kind ? html` class="${columns[i].kind}"` : "");
  const line = (cells: readonly Content[]) => {
    const [head = "", ...others] = cells;
    return html`<tr><th scope="row">${head}</th>${others.map((cell, i) => html`<td${kind(i + 1)}>${cell}</td>`)}</tr>
`;
  };
  const { footer = [] } = options;
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${columns.map(({ title }, i) => html`<th scope="col"${kind(i)}>${title}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => line(columns.map(({ cell }) => cell(row))))}</tbody>
${
  footer.length === 0
    ? ""
    : html`<tfoot>
${footer.map(line)}</tfoot>
`
}</table></div>
`;
}

/** Names and what they have, one below the other. */
export function factsTable(label: string, facts: Readonly<Record<string, string>>): Html {
  const line = ([fact, value]: [string, string]) =>
    html`<tr><th scope="row"><bdi>${fact}</bdi></th><td><bdi>${value}</bdi></td></tr>
`;
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table class="facts"><tbody>
${Object.entries(facts).map(line)}</tbody></table></div>
`;
}
