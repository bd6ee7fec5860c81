/** Runs the benchmarks' harness on contenders that do nothing; prints what it finds as JSON, for harness.test.ts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nn, trace } from "fovea";
import { contest } from "../../bench/lib/contest.mjs";
import { workOf } from "../../bench/lib/limits.mjs";
import { writeSections } from "../../bench/lib/markdown.mjs";
import { QuietMachine } from "../../bench/lib/quiet.mjs";
import { mergeSamples, samplesOf } from "../../bench/lib/samples.mjs";
import { summariseScaling } from "../../bench/lib/scaling-summary.mjs";
import { requirementsOf, summarise } from "../../bench/lib/training-summary.mjs";

const node = (code) => [process.execPath, "--input-type=module", "-e", code];
const standing = `
  import { createInterface } from "node:readline";
  let count = 0;
  console.log(JSON.stringify({ version: "2", process: process.pid }));
  for await (const _ of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify({ results: { ms: ++count, process: process.pid, own: Number(process.env.OWN) } }));
  }
`;

async function turns() {
  const found = await contest(
    {
      once: node(`console.log(JSON.stringify({ version: "1", results: { ms: 7, process: process.pid } }))`),
      standing: { command: node(standing), env: { OWN: "5" }, standing: true },
      failing: { command: node("throw new TypeError('no compiler')"), standing: true, optional: true },
    },
    { rounds: 2, threads: 1, tolerance: Number.POSITIVE_INFINITY, retries: 2 },
  );
  const failing = node("throw new TypeError('no compiler')");
  const fatal = await contest({ failing }, { rounds: 1, threads: 1, tolerance: 1, retries: 0 }).then(
    () => false,
    () => true,
  );
  return { found, fatal, samples: samplesOf(found, { network: "x" }) };
}

/** What is always too noisy is taken again as often as allowed; what never is, once. */
async function noise() {
  const takes = [];
  for (const tolerance of [-1, Number.POSITIVE_INFINITY]) {
    const machine = await QuietMachine.watch({ threads: 1, tolerance, retries: 2, patience: 0 });
    let taken = 0;
    const { value, discarded, noisy } = await machine.sample(async () => ++taken);
    await machine.close();
    takes.push({ taken, discarded, noisy, kept: value >= 1 && value <= taken });
  }
  return takes;
}

function summary() {
  const of = (contender, times, peakMB) =>
    times.map((milliseconds) => ({
      contender,
      milliseconds,
      peakMB,
      steps: 3,
      noise: 0.2,
      discarded: 1,
      compileSeconds: "",
    }));
  const samples = [
    ...of("fovea", [100, 110, 90], 500),
    ...of("fovea-contiguous", [200, 200, 200], 400),
    ...of("stock", [150, 165, 135], 450),
    ...of("stock-contiguous", [180, 180, 180], 450),
    ...of("newest", [110, 121, 99], 500),
    ...of("newest-tcmalloc", [100, 110, 90], 500),
  ];
  const found = summarise(samples, 0.1);
  return { ...found, requirements: requirementsOf("cifar_resnet20", found) };
}

function lines() {
  const sample = (value, milliseconds) => ({
    sweep: "batch",
    contender: "fovea",
    value,
    milliseconds,
    peakMB: 7 + 3 * value,
  });
  const [straight] = summariseScaling([8, 16, 32, 64].map((value) => sample(value, 10 + 2 * value)));
  const [cliff] = summariseScaling([8, 16, 32, 64].map((value) => sample(value, value === 64 ? 600 : 10 + 2 * value)));
  return { straight, cliff };
}

function work() {
  const network = new nn.Sequential(new nn.Conv2d(3, 8, 3, { padding: 1 }), new nn.BatchNorm2d(8), new nn.ReLU());
  return workOf(trace(network, [2, 3, 4, 4], { training: true }));
}

function sections() {
  const folder = mkdtempSync(join(tmpdir(), "fovea-bench-"));
  try {
    const path = join(folder, "document.md");
    writeFileSync(path, "before\n<!-- begin a -->\nold\n<!-- end a -->\nafter\n");
    writeSections(path, { a: "new" });
    writeSections(path, { a: "newer" });
    return readFileSync(path, "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function merged() {
  const before = {
    samples: [
      { run: "1", network: "a", ms: 1 },
      { run: "1", network: "b", ms: 2 },
      { run: "0", network: "c", ms: 2 },
    ],
    runs: { 0: { date: "zero" }, 1: { date: "first" } },
  };
  const after = mergeSamples(before, "network", "2", { date: "second" }, [{ network: "a", ms: 3 }]);
  return mergeSamples(after, "network", "3", { date: "third" }, [{ network: "c", ms: 4 }]);
}

const found = {};
for (const [name, run] of Object.entries({ turns, noise, summary, lines, work, sections, merged }))
  found[name] = await run();
console.log(JSON.stringify(found));
