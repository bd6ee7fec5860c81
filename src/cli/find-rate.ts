import pc from "picocolors";
import { lrFinderChart, printable, writeChart } from "../report/index.js";
import {
  findLearningRate,
  lossOf,
  optimizerOf,
  type RunData,
  type RunSettings,
  requireDevice,
  startModel,
  trainingLoader,
} from "../train/index.js";
import { onInterrupt } from "./interrupt.js";
import { progressBar } from "./progress.js";

/** How many rates are tried. */
const batches = 100;

/** Tries rising learning rates on a run's images, draws what becomes of the loss, and suggests one. */
export async function findRate(settings: RunSettings, data: RunData): Promise<void> {
  const device = requireDevice(settings.device);
  const model = await startModel(settings, device);
  const bar = progressBar("trying rates");
  const interrupt = onInterrupt(bar.stop);
  const search = await findLearningRate({
    ...{ model, batches, seed: settings.seed, device: settings.device, signal: interrupt.signal },
    optimizer: optimizerOf(settings, model),
    loss: lossOf(settings, data.train, device),
    loader: trainingLoader(data.train, settings),
    onStep: (_, done) => bar.update(done, batches),
  }).finally(() => {
    bar.stop();
    interrupt.release();
  });
  const [, picture = ""] = await writeChart(lrFinderChart(search), "learning-rate");
  const { suggestion } = search;
  console.log(
    [
      suggestion === undefined
        ? "No rate can be suggested: the loss never fell."
        : `${pc.bold(`Suggested learning rate: ${suggestion.toPrecision(2)}`)}    --lr ${Number(suggestion.toPrecision(2))}`,
      `The losses are in ${printable(picture)}`,
    ].join("\n"),
  );
}
