#!/usr/bin/env node
/**
 * Time and peak memory of a step of training against the batch (8 to 256) and against the depth (ResNet-20 to ResNet-110), Fovea and PyTorch.
 * Required of Fovea: both on a line, without cliffs.
 */
import { contest } from "./lib/contest.mjs";
import { show } from "./lib/figures.mjs";
import { choice, number, readOptions } from "./lib/options.mjs";
import { QuietMachine } from "./lib/quiet.mjs";
import { conclude, conditions, printTable, withoutCounts } from "./lib/report.mjs";
import { samplesOf, writeSamples } from "./lib/samples.mjs";
import { scalingRequirements, summariseScaling, sweeps } from "./lib/scaling-summary.mjs";
import { all, peerOptions, present, trainingContenders } from "./lib/training-contenders.mjs";

const options = readOptions({
  rounds: { type: "string", default: "3" },
  sweep: { type: "string", default: Object.keys(sweeps).join(",") },
  peers: { type: "string", default: "fovea,stock,newest-tcmalloc" },
  budget: { type: "string", default: "1" },
  ...peerOptions,
});
number("budget", options.budget);
const names = present(choice("peers", options.peers, Object.keys(all)), options);
const result = {
  conditions: { ...conditions(options), budgetSeconds: Number(options.budget), contenders: {} },
  requirements: [],
};
const table = [["milliseconds (peak MB)", ...names]];
const machine = await QuietMachine.watch(options);
const run = new Date().toISOString();
try {
  for (const sweep of choice("sweep", options.sweep, Object.keys(sweeps))) {
    const { title, values, network, batch } = sweeps[sweep];
    const samples = [];
    for (const value of values) {
      process.stderr.write(`${sweep} ${value}\n`);
      const shape = { name: network(value), batch: batch(value), size: 32, classes: 10 };
      const found = await contest(trainingContenders(names, shape, options), { ...options, machine });
      for (const [contender, { about, failed }] of Object.entries(found)) {
        if (failed === undefined) result.conditions.contenders[contender] = withoutCounts(about);
      }
      samples.push(...samplesOf(found, { sweep, value, network: shape.name, batch: shape.batch }));
    }
    const summary = summariseScaling(samples);
    table.push(...values.map((value) => [`${title}: ${value}`, ...names.map((name) => cell(summary, name, value))]));
    for (const key of ["milliseconds", "peakMB"]) {
      const lines = names.map((name) => lineOf(summary.find(({ contender }) => contender === name)?.[key]));
      table.push([`${sweep}, line of ${key}`, ...lines]);
    }
    result.requirements.push(...scalingRequirements(summary));
    if (options.save) writeSamples("scaling", "sweep", run, result.conditions, samples);
  }
} finally {
  await machine.close();
}
printTable(table);
conclude("scaling", result, options);

function cell(summary, name, value) {
  const point = summary.find(({ contender }) => contender === name)?.points.find((each) => each.value === value);
  return point === undefined ? "–" : `${show(point.milliseconds.median)} (${point.peakMB.median.toFixed(0)})`;
}

function lineOf(line) {
  return line === undefined ? "–" : `${show(line.intercept)} + ${show(line.slope)} n, R² ${line.r2.toFixed(4)}`;
}
