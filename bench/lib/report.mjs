import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

/** Everything that a figure depends on besides the code. */
export function conditions({ rounds, threads, tolerance, retries }) {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
    node: process.version,
    threads,
    rounds,
    tolerance,
    retries,
  };
}

/** What a contender said of itself, without what `contest` counted and what differs from network to network. */
export function withoutCounts({ samplesDiscarded: _, samplesNoisy: __, compileSeconds: ___, ...about }) {
  return about;
}

/** Prints rows of text in columns; the first row is the heading. */
export function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const [i, row] of rows.entries()) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
        .join("  "),
    );
    if (i === 0) console.log(widths.map((width) => "-".repeat(width)).join("  "));
  }
}

/**
 * Prints the conditions, and says whether all requirements are met; they decide the exit code. A result with `rows` is saved as
 * `results/<name>.json`; those of samples are in a CSV already.
 */
export function conclude(name, result, { save }) {
  console.log("");
  for (const [key, value] of Object.entries(result.conditions)) {
    console.log(`${key}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  }
  console.log("");
  for (const { what, met } of result.requirements) console.log(`${met ? "met    " : "NOT MET"}  ${what}`);
  if (save && result.rows !== undefined) {
    const path = fileURLToPath(new URL(`../results/${name}.json`, import.meta.url));
    mkdirSync(fileURLToPath(new URL("../results", import.meta.url)), { recursive: true });
    writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
    console.log(`Wrote bench/results/${name}.json.`);
  }
  process.exitCode = result.requirements.every(({ met }) => met) ? 0 : 1;
}
