import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

const common = {
  rounds: { type: "string", default: "7" },
  threads: { type: "string", default: String(availableParallelism()) },
  python: { type: "string", default: process.env.PYTHON ?? "/usr/bin/python3" },
  capability: { type: "string" },
  tolerance: { type: "string", default: "10" },
  retries: { type: "string", default: "3" },
  save: { type: "boolean", default: false },
  measure: { type: "string" },
};

/** The command line of a benchmark: what `bench/README.md` lists, and the benchmark's own options. */
export function readOptions(own = {}) {
  const { values } = parseArgs({ options: { ...common, ...own } });
  const rounds = count("rounds", values.rounds);
  const threads = count("threads", values.threads);
  const tolerance = number("tolerance", values.tolerance) / 100;
  const retries = number("retries", values.retries);
  return { ...values, rounds, threads, tolerance, retries };
}

/** A whole number above 0 from the command line. */
export function count(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1 up, not ${text}`);
  return value;
}

/** A number from 0 up from the command line. */
export function number(name, text) {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new Error(`--${name} takes a number from 0 up, not ${text}`);
  return value;
}

/** Those of `all` that a list with commas names. */
export function choice(name, text, all) {
  const chosen = text.split(",");
  for (const each of chosen) {
    if (!all.includes(each)) throw new Error(`--${name} takes ${all.join(", ")}, not ${each}`);
  }
  return chosen;
}
