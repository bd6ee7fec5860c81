import type { Loader } from "../data/index.js";
import { ArgumentError, FoveaError } from "../errors.js";
import type { Loss, Module } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import { Random } from "../random.js";
import { manualSeed, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { imagesOf, nextTurn } from "./evaluate.js";
import { keepingWeights } from "./keeping-weights.js";

/** A batch of the search. */
export interface LearningRatePoint {
  readonly learningRate: number;
  /** Of this batch. */
  readonly batchLoss: number;
  /** The exponential mean of the batches' losses so far, corrected for its start at 0. */
  readonly loss: number;
}

export interface LearningRateSearch {
  readonly points: LearningRatePoint[];
  /** A rate to begin with; undefined where there are too few points, or the loss never falls. */
  readonly suggestion: number | undefined;
}

export interface LearningRateOptions {
  /** Materialised on the device. */
  model: Module;
  /** Of the model's parameters. */
  optimizer: Optimizer;
  /** Materialised on the device, where it has weights of classes. */
  loss: Loss;
  /** Training images; its epochs follow each other until there were enough batches. */
  loader: Loader;
  /** The first rate; default 1e-7. */
  from?: number;
  /** The last rate; default 1. */
  to?: number;
  /** How many rates are tried, a batch each; default 100. */
  batches?: number;
  /** Weight of the mean so far against the newest loss, from 0 to below 1; default 0.98. */
  smoothing?: number;
  /** It ends when the smoothed loss is so many times its lowest; default 4. */
  stopAt?: number;
  /** Decides what dropout drops; default 0. */
  seed?: number;
  /** Default `cpu`. */
  device?: string;
  /** Stops it between two batches, with the signal's reason as the error. */
  signal?: AbortSignal;
  /** Called after each batch; steps are counted from 1. */
  onStep?: (point: LearningRatePoint, step: number) => void;
}

/**
 * Trains for some batches while the learning rate grows exponentially, to see where the loss falls and where it
 * explodes (Smith 2017, arXiv 1506.01186). Defaults, smoothing and suggestion are Lightning's. Afterwards the network,
 * its modes and the optimiser are as they were, bit for bit.
 *
 * @throws ArgumentError when an option is out of range
 * @throws FileError when an image cannot be read, unless the loader skips it; FoveaError with code FILE when none can
 */
export async function findLearningRate(options: LearningRateOptions): Promise<LearningRateSearch> {
  const { model, optimizer, from = 1e-7, to = 1, batches = 100, smoothing = 0.98, stopAt = 4 } = options;
  if (!(from > 0 && to > from)) throw new ArgumentError(`learning rates cannot grow from ${from} to ${to}`);
  if (!(Number.isInteger(batches) && batches > 1)) throw new ArgumentError("the search takes two batches or more");
  if (!(smoothing >= 0 && smoothing < 1)) throw new ArgumentError("smoothing must be from 0 to below 1");
  if (!(stopAt > 1)) throw new ArgumentError("the search must stop at more than 1 times the lowest loss");
  const points: LearningRatePoint[] = [];
  const rateOf = (step: number) => from * (to / from) ** (step / (batches - 1));
  let mean = 0;
  let lowest = Number.POSITIVE_INFINITY;
  await keeping(model, optimizer, async () => {
    for await (const loss of losses(options, batches, rateOf)) {
      if (!Number.isFinite(loss)) break;
      mean = smoothing * mean + (1 - smoothing) * loss;
      const point = {
        learningRate: rateOf(points.length),
        batchLoss: loss,
        loss: mean / (1 - smoothing ** (points.length + 1)),
      };
      points.push(point);
      options.onStep?.(point, points.length);
      if (points.length > 1 && point.loss > stopAt * lowest) break;
      lowest = Math.min(lowest, point.loss);
    }
  });
  return { points, suggestion: suggestedRate(points) };
}

/**
 * Where the loss falls the most steeply over the logarithm of the rate. The first ten points, at which the mean still
 * means little, and the last one are left out, as in Lightning.
 */
export function suggestedRate(points: readonly Pick<LearningRatePoint, "learningRate" | "loss">[]): number | undefined {
  const judged = points.slice(10, -1);
  let steepest = 0;
  let found: number | undefined;
  for (const [i, { learningRate }] of judged.entries()) {
    // Of the neighbours on both sides; at the ends, of the point and its only neighbour.
    const [before, after] = [judged[Math.max(0, i - 1)], judged[Math.min(judged.length - 1, i + 1)]];
    if (!before || !after || before === after) continue;
    const slope = (after.loss - before.loss) / Math.log(after.learningRate / before.learningRate);
    if (slope >= steepest) continue;
    steepest = slope;
    found = learningRate;
  }
  return found;
}

/** Trains on one batch after the other, and gives the loss of each before its update. */
async function* losses(
  options: LearningRateOptions,
  batches: number,
  rateOf: (step: number) => number,
): AsyncGenerator<number> {
  const { model, optimizer, loss: criterion, loader, seed = 0, device = "cpu", signal } = options;
  model.train();
  let step = 0;
  for (let epoch = 0; step < batches; epoch++) {
    const before = step;
    for await (const batch of loader.epoch(epoch)) {
      signal?.throwIfAborted();
      manualSeed(new Random(seed, "learning rate", step).uint32());
      optimizer.learningRate = rateOf(step);
      yield scope(() => {
        const labels = tensor(batch.labels, [batch.labels.length], { device });
        const images = imagesOf(batch, loader.options.layout, device);
        loader.recycle(batch);
        const logits = TorchTensor.of(model.forward(images));
        const targets = batch.targets ? tensor(batch.targets, logits.shape, { device }) : labels;
        const loss = TorchTensor.of(criterion.forward(logits, targets));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss.item();
      });
      await nextTurn();
      step++;
      if (step === batches) return;
    }
    if (step === before) throw new FoveaError("FILE", "None of the images to train on could be read.");
  }
}

/** As {@link keepingWeights}, for the modules' modes and the optimiser as well. */
async function keeping(model: Module, optimizer: Optimizer, body: () => Promise<void>): Promise<void> {
  const { learningRate } = optimizer;
  const { steps, tensors } = optimizer.stateDict();
  const state = {
    steps: new Map(steps),
    tensors: new Map([...tensors].map(([name, slot]) => [name, slot.clone().keep()])),
  };
  const modes = [...model.modules()].map(([, part]) => [part, part.training] as const);
  try {
    await keepingWeights(model, body);
  } finally {
    for (const [part, training] of modes) part.training = training;
    optimizer.zeroGrad();
    optimizer.learningRate = learningRate;
    optimizer.loadStateDict(state);
    for (const copy of state.tensors.values()) copy.dispose();
  }
}
