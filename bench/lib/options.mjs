import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

const common = {
  rounds: { type: "string", default: "7" },
  threads: { type: "string", default: String(availableParallelism()) },
  python: { type: "string", default: process.env.PYTHON ?? "/usr/bin/python3" },
  capability: { type: "string" },
  save: { type: "boolean", default: false },
  measure: { type: "string" },
};

/** The command line of a benchmark: what `bench/README.md` lists, and the benchmark's own options. */
export function readOptions(own = {}) {
  const { values } = parseArgs({ options: { ...common, ...own } });
  const rounds = count("rounds", values.rounds);
  const threads = count("threads", values.threads);
  return { ...values, rounds, threads };
}

/** A whole number above 0 from the command line. */
export function count(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1 up, not ${text}`);
  return value;
}
