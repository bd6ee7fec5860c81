/** Documents whose figures are written by a script. */
import { readFileSync, writeFileSync } from "node:fs";

/** Rows as a table in Markdown: the first is the heading, the first column stands left, the others right. */
export function markdownTable([head, ...rows]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
}

/**
 * Puts texts between the comments `<!-- begin NAME -->` and `<!-- end NAME -->` of a file.
 *
 * @param sections texts by name
 */
export function writeSections(path, sections) {
  let text = readFileSync(path, "utf8");
  for (const [name, content] of Object.entries(sections)) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${path} has no ${begin} … ${end}`);
    text = `${text.slice(0, from + begin.length)}\n\n${content.trim()}\n\n${text.slice(to)}`;
  }
  writeFileSync(path, text);
}

/** What runs depend on: a paragraph for each, those that are alike but for their rounds together. */
export function conditionsText(runs) {
  const rounds = new Map();
  for (const run of Object.values(runs)) {
    const like = JSON.stringify(sharedConditions(run));
    rounds.set(like, [...(rounds.get(like) ?? []), run.rounds]);
  }
  return [...rounds].map(([like, counts]) => conditionsOf(JSON.parse(like), counts)).join("\n\n");
}

/** What a figure's reader wants to know. */
function sharedConditions({ date, processor, cores, memoryGiB, node, threads, tolerance, budgetSeconds, contenders }) {
  const versions = Object.entries(contenders).map(
    ([name, { version, capability }]) => `${name} ${version}${capability ? ` (${capability})` : ""}`,
  );
  return { date, processor, cores, memoryGiB, node, threads, tolerance, budgetSeconds, versions };
}

function conditionsOf(
  { date, processor, cores, memoryGiB, node, threads, tolerance, budgetSeconds, versions },
  counts,
) {
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const rounds = least === most ? String(least) : `${least} to ${most}`;
  const budget = budgetSeconds === undefined ? "" : `, ${budgetSeconds} s a sample`;
  return (
    `Measured on ${date}: ${processor}, ${cores} cores, ${memoryGiB} GiB, Node ${node.slice(1)}, ${threads} threads, ` +
    `${rounds} rounds${budget}, noise up to ${100 * tolerance} %; ${versions.join(", ")}.`
  );
}
