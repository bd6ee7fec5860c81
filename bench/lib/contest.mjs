import { fileURLToPath } from "node:url";
import { open } from "./contender.mjs";
import { QuietMachine } from "./quiet.mjs";

/**
 * Lets contenders measure themselves in turn, A B A B …, while the machine is quiet: what changes about the machine meanwhile hits all of
 * them alike.
 *
 * @param contenders by name a command line, each sample then being a process of its own, or `{ command, env, standing, optional }`
 *   (`contender.mjs` says what either prints). One that is optional may fail.
 * @param options.machine a QuietMachine that goes on being used; without one this contest watches by itself
 * @returns for every contender what it said of itself with its discarded and noisy samples (`about`), for every row one number a round
 *   (`rows`), of each round its `noise` and how many samples it `discarded`, and why it `failed`, if it did
 */
export async function contest(contenders, { rounds, threads, capability, machine, ...options }) {
  const env = { ...process.env, OMP_NUM_THREADS: String(threads) };
  if (capability) env.ATEN_CPU_CAPABILITY = capability;
  const watch = machine ?? (await QuietMachine.watch({ threads, ...options }));
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, emptyRecord()]));
  const opened = new Map();
  /** Whether it went well; a failure is fatal unless it was to be reckoned with. */
  const attempt = async (name, action) => {
    try {
      await action();
    } catch (error) {
      if (!contenders[name].optional) throw error;
      found[name].failed = error.message;
      process.stderr.write(`${name} fails: ${error.message}\n`);
      await opened.get(name)?.close();
      opened.delete(name);
    }
  };
  try {
    for (const name of Object.keys(contenders)) {
      await attempt(name, async () => {
        opened.set(name, open(contenders[name], env));
        await opened.get(name).prepare?.();
      });
    }
    for (let round = 1; round <= rounds; round++) {
      for (const [name, contender] of [...opened]) {
        process.stderr.write(`round ${round} of ${rounds}: ${name}\n`);
        await attempt(name, async () => record(found[name], await watch.sample(() => contender.sample())));
      }
    }
  } finally {
    for (const contender of opened.values()) await contender.close();
    if (machine === undefined) await watch.close();
  }
  return found;
}

function emptyRecord() {
  return { about: {}, rows: {}, noise: [], discarded: [], noisy: 0 };
}

function record(found, { value, noise, discarded, noisy }) {
  found.noise.push(noise);
  found.discarded.push(discarded);
  found.noisy += noisy ? 1 : 0;
  found.about = { ...value.about, samplesDiscarded: sum(found.discarded), samplesNoisy: found.noisy };
  for (const [row, number] of Object.entries(value.results)) {
    found.rows[row] ??= [];
    found.rows[row].push(number);
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** The command line by which a benchmark measures Fovea, and that of the Python script beside it. */
export function contenders(url, { python, threads }, ...args) {
  const script = fileURLToPath(url);
  return {
    fovea: [process.execPath, "--expose-gc", script, "--measure", "fovea", "--threads", String(threads), ...args],
    pytorch: [python, "-B", script.replace(/\.mjs$/, ".py"), ...args],
  };
}
