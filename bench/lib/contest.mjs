import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Lets contenders measure themselves in turn, A B A B …, each time in a process of its own: what changes about the machine
 * meanwhile hits all of them alike.
 *
 * @param contenders command lines by name; each prints one line of JSON: `{ version, capability, results: { row: number } }`
 * @returns for every contender what it said of itself, and for every row one number a round
 */
export async function contest(contenders, { rounds, threads, capability }) {
  const env = { ...process.env, OMP_NUM_THREADS: String(threads) };
  if (capability) env.ATEN_CPU_CAPABILITY = capability;
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, { about: {}, rows: {} }]));
  for (let round = 1; round <= rounds; round++) {
    for (const [name, [command, ...args]] of Object.entries(contenders)) {
      process.stderr.write(`round ${round} of ${rounds}: ${name}\n`);
      const { stdout } = await run(command, args, { env, maxBuffer: 2 ** 26 });
      const { results, ...about } = JSON.parse(stdout);
      found[name].about = about;
      for (const [row, value] of Object.entries(results)) {
        found[name].rows[row] ??= [];
        found[name].rows[row].push(value);
      }
    }
  }
  return found;
}

/** The command line by which a benchmark measures Fovea, and that of the Python script beside it. */
export function contenders(url, { python, threads }, ...args) {
  const script = fileURLToPath(url);
  return {
    fovea: [process.execPath, "--expose-gc", script, "--measure", "fovea", "--threads", String(threads), ...args],
    pytorch: [python, "-B", script.replace(/\.mjs$/, ".py"), ...args],
  };
}
