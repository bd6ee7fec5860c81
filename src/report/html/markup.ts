import { escapeXml } from "../outline.js";

/** HTML, told apart from texts, which may look like it. */
export class Html {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** What a template takes: texts are escaped, lists are joined. */
export type Content = string | number | Html | readonly Content[];

/**
 * HTML of a template. Every text in it is escaped, so whatever users name their classes and files stays text; values of
 * attributes stand between double quotes.
 */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(parts.map((part, i) => part + sourceOf(contents[i] ?? "")).join(""));
}

/** A name from outside: however its script runs, it does not turn the text around it. */
export function name(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

function sourceOf(content: Content): string {
  if (content instanceof Html) return content.source;
  return typeof content === "object" ? content.map(sourceOf).join("") : escapeXml(String(content));
}
