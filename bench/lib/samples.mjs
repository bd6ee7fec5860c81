/** Samples of benchmarks in `results/<name>.csv`, a line each, and in `results/<name>.json` the conditions of the runs that they are of. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../results/", import.meta.url);

function pathOf(name, ending) {
  return fileURLToPath(new URL(`${name}.${ending}`, folder));
}

/** @returns `samples`, objects whose values are numbers where they read as such, and `runs`, conditions by the run's name */
export function readSamples(name) {
  if (!existsSync(pathOf(name, "csv"))) return { samples: [], runs: {} };
  const [head, ...lines] = readFileSync(pathOf(name, "csv"), "utf8").trimEnd().split("\n");
  const columns = head.split(",");
  const samples = lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [columns[i], parse(cell)])));
  return { samples, runs: JSON.parse(readFileSync(pathOf(name, "json"), "utf8")).runs };
}

function parse(cell) {
  return cell === "" || Number.isNaN(Number(cell)) ? cell : Number(cell);
}

/** Puts the samples of a run into `results/<name>.csv` as `mergeSamples` does. */
export function writeSamples(name, subject, run, conditions, measured) {
  const { samples, runs } = mergeSamples(readSamples(name), subject, run, conditions, measured);
  const columns = Object.keys(samples.at(-1));
  const cell = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value ?? ""));
  const lines = samples.map((sample) => columns.map((column) => cell(sample[column])).join(","));
  mkdirSync(fileURLToPath(folder), { recursive: true });
  writeFileSync(pathOf(name, "csv"), `${[columns.join(","), ...lines].join("\n")}\n`);
  writeFileSync(pathOf(name, "json"), `${JSON.stringify({ runs }, null, 2)}\n`);
}

/**
 * Puts the samples of a run in the place of those that have the same `subject`: what is compared is of one run. Others stay, with their
 * conditions.
 *
 * @param subject the column that names what was measured
 */
export function mergeSamples(before, subject, run, conditions, measured) {
  const subjects = new Set(measured.map((sample) => sample[subject]));
  const kept = before.samples.filter((sample) => !subjects.has(sample[subject]));
  const samples = [...kept, ...measured.map((sample) => ({ run, ...sample }))];
  const used = new Set(samples.map((sample) => sample.run));
  const runs = Object.entries({ ...before.runs, [run]: conditions }).filter(([key]) => used.has(key));
  return { samples, runs: Object.fromEntries(runs) };
}

/** The samples of one contest as `contest` gives them, a line for each contender and round. */
export function samplesOf(found, about) {
  return Object.entries(found).flatMap(([contender, { rows, noise, discarded, about: own }]) =>
    noise.map((disturbed, i) => ({
      ...about,
      contender,
      round: i + 1,
      ...Object.fromEntries(Object.entries(rows).map(([row, values]) => [row, values[i]])),
      noise: disturbed,
      discarded: discarded[i],
      compileSeconds: own.compileSeconds ?? "",
    })),
  );
}
