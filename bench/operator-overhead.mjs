#!/usr/bin/env node
/**
 * What a call of an operator costs apart from its arithmetic: the operators that networks call most, on tensors of a few
 * elements, called from JavaScript and from Python, without gradients and recorded for them. Required: no more than from
 * Python. What libtorch itself takes for a call, measured by a loop in TorchScript, is shown beside; required of what comes
 * on top from JavaScript: less than 2 µs.
 *
 * The two sides take turns at one operator after the other, many short samples each: a machine that others use as well changes
 * its speed within minutes.
 *
 * Of the calls in the forward passes of the networks that this library has, these operators make up 97 %. One call without
 * gradients leaves its result to the garbage collector; the others run in scopes of 100 calls, as a step of training runs
 * in one.
 */
import { contenders, contest } from "./lib/contest.mjs";
import { figures, ratio, showFigures } from "./lib/figures.mjs";
import { choice, readOptions } from "./lib/options.mjs";
import { QuietMachine } from "./lib/quiet.mjs";
import { conclude, conditions, printTable, withoutCounts } from "./lib/report.mjs";
import { answer } from "./lib/serve.mjs";

const calls = 10_000;
const repeats = 3;
const mostOverhead = 2000;
const collected = "a.add(b), left to the garbage collector";
const scoped = ", with gradients";

/** By the name of the row; `operator-overhead.py` has the same ones. */
const operators = {
  conv2d: ({ x, kernel }) => x.conv2d(kernel),
  batchNorm: ({ x, norm }) => x.batchNorm(norm),
  relu: ({ x }) => x.relu(),
  silu: ({ x }) => x.silu(),
  sigmoid: ({ x }) => x.sigmoid(),
  add: ({ x, y }) => x.add(y),
  mul: ({ x, scale }) => x.mul(scale),
  mean: ({ x }) => x.mean([2, 3], true),
  cat: ({ x, y }) => x.cat([y], 1),
  maxPool2d: ({ x }) => x.maxPool2d(2),
  adaptiveAvgPool2d: ({ x }) => x.adaptiveAvgPool2d(1),
  flatten: ({ x }) => x.flatten(1),
  linear: ({ rows, matrix, bias }) => rows.linear(matrix, bias),
};

const options = readOptions({
  rounds: { type: "string", default: "15" },
  operator: { type: "string", default: Object.keys(operators).join(",") },
});
const chosen = choice("operator", options.operator, Object.keys(operators));
if (options.measure) await serve(chosen[0]);
else await compare();

/** Samples of one operator. */
async function serve(name) {
  const torch = await import("fovea/torch");
  torch.setThreads(options.threads);
  const { version, cpuCapability } = torch.engineInfo();
  await answer({ version, capability: cpuCapability }, () => measure(torch, name));
}

/** Nanoseconds a call, the best of some repeats. */
function measure(torch, name) {
  const operator = operators[name];
  const results = {};
  const time = (row, run) => {
    run();
    let best = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < repeats; repeat++) {
      const start = process.hrtime.bigint();
      run();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
    }
    results[row] = best;
  };
  const inScopes = (inputs) => () => {
    for (let i = 0; i < calls; i += 100) {
      torch.scope(() => {
        for (let j = 0; j < 100; j++) operator(inputs);
      });
    }
  };
  torch.noGrad(() => {
    const inputs = inputsOf(torch, false);
    time(name, inScopes(inputs));
    if (name !== "add") return;
    time(collected, () => {
      for (let i = 0; i < calls; i++) operator(inputs);
    });
  });
  time(name + scoped, inScopes(inputsOf(torch, true)));
  return results;
}

/** Of one channel, so that no operator wakes a thread. */
function inputsOf(torch, gradients) {
  const of = (...shape) => {
    const tensor = torch.randn(shape);
    tensor.requiresGrad = gradients;
    return tensor;
  };
  return {
    x: of(1, 1, 2, 2),
    y: of(1, 1, 2, 2),
    scale: of(1, 1, 1, 1),
    kernel: of(1, 1, 1, 1),
    rows: of(2, 4),
    matrix: of(4, 4),
    bias: of(4),
    norm: {
      weight: of(1),
      bias: of(1),
      runningMean: torch.zeros([1]),
      runningVar: torch.ones([1]),
      batchesTracked: null,
      training: gradients,
      momentum: 0.1,
      eps: 1e-5,
    },
  };
}

async function compare() {
  const result = { conditions: { ...conditions(options), calls, repeats }, rows: [], requirements: [] };
  const table = [["nanoseconds a call, median (least to greatest)", "Fovea", "PyTorch", "ratio", "of it libtorch"]];
  const rows = { fovea: {}, pytorch: {} };
  const samples = { discarded: 0, noisy: 0 };
  // No call of these wakes a second thread, and what happens on other cores does not matter.
  const machine = await QuietMachine.watch({ ...options, threads: 1 });
  try {
    for (const name of chosen) {
      process.stderr.write(`${name}\n`);
      const commands = contenders(import.meta.url, options, "--operator", name);
      const standing = Object.entries(commands).map(([side, command]) => [side, { command, standing: true }]);
      const found = await contest(Object.fromEntries(standing), { ...options, machine });
      for (const [side, { about, rows: measured }] of Object.entries(found)) {
        Object.assign(rows[side], measured);
        result.conditions[side] = withoutCounts(about);
        samples.discarded += about.samplesDiscarded;
        samples.noisy += about.samplesNoisy;
      }
    }
  } finally {
    await machine.close();
  }
  result.conditions.samples = samples;
  const { fovea, pytorch } = rows;
  // Without gradients first, as they are read.
  const ordered = Object.keys(fovea).sort((a, b) => Number(a.endsWith(scoped)) - Number(b.endsWith(scoped)));
  for (const row of ordered) {
    const ours = fovea[row];
    const peer = row === collected ? "add" : row;
    const theirs = pytorch[peer];
    const engine = pytorch[`${peer}, libtorch alone`];
    const compared = ratio(ours, theirs);
    const overhead = figures(ours.map((value, i) => value - engine[i]));
    result.rows.push({
      operator: row,
      fovea: figures(ours),
      pytorch: figures(theirs),
      ratio: compared,
      libtorch: figures(engine),
      overhead,
    });
    table.push([
      row,
      ...[ours, theirs].map((each) => showFigures(figures(each))),
      showFigures(compared),
      showFigures(figures(engine)),
    ]);
    result.requirements.push({ what: `${row} costs at most what it costs in Python`, met: compared.median <= 1 });
    result.requirements.push({
      what: `${row} costs less than 2 µs on top of libtorch`,
      met: overhead.median < mostOverhead,
    });
  }
  printTable(table);
  conclude("operator-overhead", result, options);
}
