import { colors } from "../theme.js";

/** Of the page. Charts have fixed colours: they lie on a white card, also where the page is dark. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f8fa; --card: #ffffff; --ink: ${colors.ink}; --quiet: ${colors.quiet}; --line: ${colors.line};
  --accent: ${colors.validation}; --note: #fff6e5; --note-line: #e0a83c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1b2128; --ink: #e4e9ee; --quiet: #a7b1bc; --line: #343d47;
    --accent: #6cb8ea; --note: #2c2517; --note-line: #a97c25;
  }
  .chart, .mistakes img { filter: brightness(0.94); }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 76rem; padding: clamp(1rem, 4vw, 2.5rem); background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { margin: 0 0 0.25rem; font-size: clamp(1.4rem, 1.1rem + 1.6vw, 2.1rem); line-height: 1.2; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.25rem; line-height: 1.3; }
h1, figcaption, li { overflow-wrap: anywhere; }
p { margin: 0 0 1rem; max-width: 60rem; color: var(--quiet); }
.figures {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 0.75rem; margin: 1.25rem 0 0;
}
.figures div { padding: 0.65rem 0.9rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
.figures dt { color: var(--quiet); font-size: 0.85rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.figures .chosen { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.notes {
  margin: 1.25rem 0 0; padding: 0.65rem 0.9rem 0.65rem 2rem; border-radius: 8px; background: var(--note);
  border-left: 4px solid var(--note-line);
}
.charts { display: flex; flex-wrap: wrap; gap: 1rem; }
.chart {
  margin: 0; width: fit-content; max-width: 100%; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px;
  background: #ffffff;
}
.chart + .scroll, .scroll + .scroll { margin-top: 1rem; }
.chart svg { display: block; max-width: 100%; height: auto; border-radius: 8px; }
.scroll {
  max-width: 100%; width: fit-content; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card);
}
.chart:focus-visible, .scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.8rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { vertical-align: bottom; color: var(--quiet); font-weight: 600; border-top: 0; }
td { white-space: nowrap; }
tbody th, .name, .facts td { min-width: 8rem; max-width: 26rem; white-space: normal; overflow-wrap: anywhere; }
tbody th { font-weight: 400; }
.facts td { max-width: none; }
tbody tr:first-child > * { border-top-width: 2px; }
.facts tbody tr:first-child > * { border-top: 0; }
tfoot tr:first-child > * { border-top-width: 2px; }
tfoot th { font-weight: 600; }
.facts th { color: var(--quiet); }
.number { text-align: right; }
.path { padding-left: calc(var(--depth) * 0.9rem); }
.path, .whole { white-space: nowrap; }
.mistakes {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; margin: 0; padding: 0;
  list-style: none;
}
.mistakes figure { margin: 0; }
.mistakes img {
  display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card);
}
.pixels { image-rendering: pixelated; }
.mistakes figcaption { margin-top: 0.35rem; font-size: 0.9rem; line-height: 1.35; }
.mistakes small {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; color: var(--quiet);
}
details { margin-top: 0.75rem; }
summary { cursor: pointer; color: var(--accent); }
summary + * { margin-top: 0.75rem; }
pre {
  margin: 0; padding: 0.8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); font: 0.85rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (max-width: 30rem) {
  .figures { grid-template-columns: 1fr 1fr; }
  .mistakes { grid-template-columns: 1fr 1fr; }
}
@media print {
  :root {
    color-scheme: light; --page: #ffffff; --card: #ffffff; --ink: #000000; --quiet: #444444; --line: #bbbbbb;
    --accent: #000000; --note: #ffffff;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .chart, .scroll, pre { overflow: visible; }
  .chart svg { min-width: 0 !important; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .chart, .figures div, .mistakes li, tr { break-inside: avoid; }
  h2, thead { break-after: avoid; }
  #recipe + details::details-content { content-visibility: visible; block-size: auto; }
}
`;
