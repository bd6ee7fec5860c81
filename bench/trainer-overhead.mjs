#!/usr/bin/env node
/**
 * What the Trainer costs beside the steps themselves: an epoch by `Trainer.fit`, with the callbacks that a run has (TensorBoard, CSV), against
 * the bare loop of steps (forward, loss, backward, update, the loss read) over the same loader's batches. Required: at most 3 % more time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPreset, fromPixels, Loader } from "fovea/data";
import { createModel } from "fovea/models";
import { CrossEntropyLoss } from "fovea/nn";
import { SGD } from "fovea/optim";
import { csvLogger, tensorBoardLogger } from "fovea/report";
import * as torch from "fovea/torch";
import { Trainer } from "fovea/train";
import { figures, median, showFigures } from "./lib/figures.mjs";
import { readOptions } from "./lib/options.mjs";
import { QuietMachine } from "./lib/quiet.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const networks = {
  // Small steps, where a fixed cost of each would show.
  nuclei_basic: { batch: 8, size: 32, classes: 3, batches: 150 },
  cifar_resnet20: { batch: 128, size: 32, classes: 10, batches: 24 },
};

const options = readOptions({});
torch.setThreads(options.threads);
const folder = mkdtempSync(join(tmpdir(), "fovea-overhead-"));
const result = { conditions: { ...conditions(options), networks }, rows: [], requirements: [] };
const machine = await QuietMachine.watch(options);
const table = [["seconds an epoch, median (least to greatest)", "Trainer", "bare loop", "median ratio"]];
try {
  for (const [name, about] of Object.entries(networks)) {
    const times = { trainer: [], bare: [] };
    for (let round = -1; round < options.rounds; round++) {
      process.stderr.write(`${name}: round ${round + 1} of ${options.rounds}\n`);
      for (const contender of round % 2 === 0 ? ["trainer", "bare"] : ["bare", "trainer"]) {
        const way = contender === "trainer" ? byTrainer : bare;
        const { value: seconds } = await machine.sample(() => way(name, about));
        // The first round warms up.
        if (round >= 0) times[contender].push(seconds);
      }
    }
    const ratios = times.trainer.map((seconds, i) => seconds / times.bare[i]);
    const ratio = median(ratios);
    result.rows.push({ name, ...times, ratio: figures(ratios) });
    table.push([
      `${name}, batches of ${about.batch}`,
      showFigures(figures(times.trainer)),
      showFigures(figures(times.bare)),
      showFigures(figures(ratios)),
    ]);
    result.requirements.push({
      what: `${name}: at most 3 % more time (${((ratio - 1) * 100).toFixed(1)} %)`,
      met: ratio <= 1.03,
    });
  }
} finally {
  await machine.close();
  rmSync(folder, { recursive: true, force: true });
}
printTable(table);
conclude("trainer-overhead", result, options);

function parts(name, { batch, size, classes, batches }) {
  const pixels = Uint8Array.from({ length: batch * batches * size * size * 3 }, (_, i) => (i * 7919) % 251);
  const labels = Uint8Array.from({ length: batch * batches }, (_, i) => i % classes);
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  const shape = [batch * batches, size, size, 3];
  const set = fromPixels({ data: pixels, shape }, { layout: "nhwc", labels, classes: names });
  const transforms = findPreset("cifar10").train(size, { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] });
  const loader = new Loader(set, { batchSize: batch, transforms, sampler: { name: "shuffle" }, layout: "nhwc" });
  const model = createModel(name, { classes }).materialize(torch.device(), 1);
  const optimizer = new SGD(model.parameters(), { learningRate: 0.01, momentum: 0.9 });
  return { set, loader, model, optimizer, loss: new CrossEntropyLoss() };
}

async function bare(name, about) {
  const { loader, model, optimizer, loss } = parts(name, about);
  model.train();
  const start = performance.now();
  for await (const { images, shape, labels } of loader.epoch(0)) {
    torch.scope(() => {
      const x = torch.tensor(images, shape).permute([0, 3, 1, 2]);
      const value = loss.forward(model.forward(x), torch.tensor(labels, [labels.length]));
      optimizer.zeroGrad();
      value.backward();
      value.item();
      optimizer.step();
    });
  }
  const seconds = (performance.now() - start) / 1000;
  model.release();
  return seconds;
}

async function byTrainer(name, about) {
  const { loader, model, optimizer, loss, set } = parts(name, about);
  let start = 0;
  let seconds = 0;
  const clock = {
    onTrainEpochStart: () => {
      start = performance.now();
    },
    onValidationStart: () => {
      seconds = (performance.now() - start) / 1000;
    },
  };
  const logs = [tensorBoardLogger(join(folder, "tensorboard")), csvLogger(join(folder, "metrics.csv"))];
  const trainer = new Trainer({ model, optimizer, loss, callbacks: [clock, ...logs], limitValBatches: 1 });
  const { transforms } = loader.options;
  await trainer.fit(loader, new Loader(set, { batchSize: about.batch, transforms, layout: "nhwc" }), { epochs: 1 });
  model.release();
  return seconds;
}
