#!/usr/bin/env node
/**
 * A step of training, in milliseconds: forward, cross-entropy, backward, SGD with momentum. Fovea against PyTorch on the same libtorch, and
 * against the newest PyTorch, eager and compiled, with and without tcmalloc. `lib/training-summary.mjs` has what is required of each network.
 */
import { contest } from "./lib/contest.mjs";
import { showFigures } from "./lib/figures.mjs";
import { choice, number, readOptions } from "./lib/options.mjs";
import { QuietMachine } from "./lib/quiet.mjs";
import { conclude, conditions, printTable, withoutCounts } from "./lib/report.mjs";
import { samplesOf, writeSamples } from "./lib/samples.mjs";
import { measuredOptions, measureTraining } from "./lib/training.mjs";
import { all, peerOptions, present, trainingContenders } from "./lib/training-contenders.mjs";
import { networks, requirementsOf, summarise } from "./lib/training-summary.mjs";

const options = readOptions({
  rounds: { type: "string", default: "5" },
  network: { type: "string", default: Object.keys(networks).join(",") },
  peers: { type: "string", default: Object.keys(all).join(",") },
  budget: { type: "string", default: "1.5" },
  ...peerOptions,
  ...measuredOptions,
});
number("budget", options.budget);
if (options.measure) await measureTraining(options);
else await compare();

async function compare() {
  const chosen = choice("network", options.network, Object.keys(networks));
  const names = present(choice("peers", options.peers, Object.keys(all)), options);
  const result = {
    conditions: { ...conditions(options), budgetSeconds: Number(options.budget), contenders: {}, failures: {} },
    requirements: [],
  };
  const table = [
    ["milliseconds a step, median (least to greatest)", "time", "Fovea's speed", "peak MB", "steps", "discarded"],
  ];
  const machine = await QuietMachine.watch(options);
  const run = new Date().toISOString();
  try {
    for (const name of chosen) {
      process.stderr.write(`${name}\n`);
      const about = { name, ...networks[name] };
      const found = await contest(trainingContenders(names, about, options), { ...options, machine });
      for (const [contender, { about: said, failed }] of Object.entries(found)) {
        if (failed !== undefined) result.conditions.failures[`${name}, ${contender}`] = failed;
        else result.conditions.contenders[contender] = withoutCounts(said);
      }
      const samples = samplesOf(found, { network: name, batch: about.batch, size: about.size });
      const summary = summarise(samples, options.tolerance);
      table.push(...tableOf(name, summary));
      result.requirements.push(...requirementsOf(name, summary));
      // Each when it is there: all of them take long.
      if (options.save) writeSamples("training-step", "network", run, result.conditions, samples);
    }
  } finally {
    await machine.close();
  }
  printTable(table);
  conclude("training-step", result, options);
}

function tableOf(network, { contenders, faster }) {
  return Object.entries(contenders).map(([name, { milliseconds, peak, steps, discarded, noisy, compileSeconds }]) => [
    `${network}, ${name}${compileSeconds === "" ? "" : ` (${compileSeconds} s to compile)`}`,
    showFigures(milliseconds),
    faster === undefined ? "" : showFigures(faster[name]),
    peak.median.toFixed(0),
    String(steps),
    `${discarded}${noisy > 0 ? `, ${noisy} noisy` : ""}`,
  ]);
}
