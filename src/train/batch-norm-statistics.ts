import type { Loader } from "../data/index.js";
import { FoveaError } from "../errors.js";
import { BatchNorm2d, type Module } from "../nn/index.js";
import { Random } from "../random.js";
import { manualSeed, noGrad, scope } from "../tensor/torch/index.js";
import { imagesOf, nextTurn } from "./evaluate.js";

/**
 * Measures the running statistics of a network's batch norms anew, which its weights need when they are the mean of others':
 * `torch.optim.swa_utils.update_bn` (Izmailov et al. 2018, arXiv 1803.05407). Everything is in training mode for one epoch of
 * the loader, dropout and frozen batch norms too, without gradients; the statistics become the plain averages of the batches'.
 * Modes and momenta are put back. A network without running statistics is left alone.
 *
 * The loader should shuffle, since batches of one class have another variance than the whole, and leave out a last batch of
 * a few images, since every batch counts the same. After an error or an interruption the statistics are of no use.
 *
 * @param options.epoch of the loader, from 0; default 0
 * @param options.batches at most so many of the epoch; default all
 * @param options.device where the network is; default `cpu`
 * @param options.seed decides, with the number of the batch, what dropout drops; default 0
 * @param options.signal stops it between two batches, with the signal's reason as the error
 * @param options.onBatch called after each batch with the number of batches done
 * @throws FileError when an image cannot be read, unless the loader skips it; FoveaError with the code FILE when none can
 */
export async function measureBatchNorm(
  model: Module,
  loader: Loader,
  options: {
    epoch?: number;
    batches?: number;
    device?: string;
    seed?: number;
    signal?: AbortSignal;
    onBatch?: (batches: number) => void;
  } = {},
): Promise<void> {
  const { epoch = 0, batches = Number.POSITIVE_INFINITY, device = "cpu", seed = 0, signal, onBatch } = options;
  const modes = [...model.modules()].map(([, part]) => [part, part.training] as const);
  const norms = modes.flatMap(([part]) => (part instanceof BatchNorm2d && part.runningMean ? [part] : []));
  if (norms.length === 0) return;
  const momenta = norms.map(({ momentum }) => momentum);
  for (const norm of norms) {
    norm.resetRunningStats();
    norm.momentum = null;
  }
  model.train();
  try {
    let done = 0;
    for await (const batch of loader.epoch(epoch)) {
      signal?.throwIfAborted();
      manualSeed(new Random(seed, "batch norm", done).uint32());
      noGrad(() =>
        scope(() => {
          const images = imagesOf(batch, loader.options.layout, device);
          loader.recycle(batch);
          model.forward(images);
        }),
      );
      done++;
      onBatch?.(done);
      if (done >= batches) break;
      await nextTurn();
    }
    if (done === 0) throw new FoveaError("FILE", "None of the images could be read.");
  } finally {
    for (const [i, norm] of norms.entries()) norm.momentum = momenta[i] ?? null;
    for (const [part, training] of modes) part.training = training;
  }
}
