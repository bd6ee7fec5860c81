import type { Batch, Dataset } from "../data/index.js";
import { FoveaError } from "../errors.js";
import { manualSeed, scope, synchronize, TorchTensor, tensor } from "../tensor/torch/index.js";
import { requireDevice } from "./device.js";
import { imagesOf, inPrecision } from "./evaluate.js";
import { optimizerOf } from "./optimisation.js";
import { networkOf } from "./run.js";
import type { RunSettings } from "./settings.js";
import { lossOf, trainingLoader } from "./train-run.js";

const layouts = ["channelsLast", "channelsFirst"] as const;

/** Steps of each that are timed, in turn. */
const steps = 5;

/**
 * The order of the images' axes in memory with which this machine trains a network faster. The two are timed in turn, so that
 * other work hits both alike; the least times count. The network of the run is not touched.
 *
 * @returns what `layout` of the settings becomes; the same numbers come out again only with the same layout
 */
export async function measureLayout(settings: RunSettings, images: Dataset): Promise<(typeof layouts)[number]> {
  const device = requireDevice(settings.device);
  const model = networkOf(settings).materialize(device, settings.seed).train();
  const optimizer = optimizerOf(settings, model);
  const loss = lossOf(settings, images, device);
  const seconds = (batch: Batch, layout: "nchw" | "nhwc"): number => {
    const start = performance.now();
    manualSeed(settings.seed);
    scope(() => {
      const inputs = imagesOf(batch, layout, settings.device);
      const labels = tensor(batch.labels, [batch.labels.length], { device: settings.device });
      optimizer.zeroGrad();
      inPrecision(settings.precision, settings.device, () =>
        TorchTensor.of(loss.forward(model.forward(inputs), labels)),
      ).backward();
      optimizer.step();
    });
    synchronize();
    return (performance.now() - start) / 1000;
  };
  try {
    const batches = await Promise.all(
      layouts.map((layout) => firstOf(images, { ...settings, layout, mix: undefined, progressive: undefined })),
    );
    const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let step = 0; step <= steps; step++) {
      for (const [i, batch] of batches.entries()) {
        const time = seconds(batch, i === 0 ? "nhwc" : "nchw");
        // The first of each makes what the others use again.
        if (step > 0) least[i] = Math.min(least[i] ?? time, time);
      }
    }
    const [last = 0, first = 0] = least;
    return first < last ? "channelsFirst" : "channelsLast";
  } finally {
    model.release();
  }
}

async function firstOf(images: Dataset, settings: RunSettings): Promise<Batch> {
  for await (const batch of trainingLoader(images, settings).epoch(0)) return batch;
  throw new FoveaError("FILE", "None of the images to train on could be read.");
}
