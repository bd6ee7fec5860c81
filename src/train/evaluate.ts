import type { Batch, Layout, Loader } from "../data/index.js";
import { ArgumentError, FoveaError } from "../errors.js";
import type { Module } from "../nn/index.js";
import { autocast, inferenceMode, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { ConfusionMatrix } from "./metrics.js";

export interface Evaluation {
  /** The mean cross-entropy of the samples, without label smoothing or class weights. */
  loss: number;
  matrix: ConfusionMatrix;
  /** `[N, K]`: the probabilities of every image that could be read, in the loader's order. */
  probabilities: Float32Array;
  /** `[N]`: which images of the set these are. */
  indices: Uint32Array;
  /** `[N]`: their classes. */
  labels: Int32Array;
}

/** What a network says of images. */
export type Predictions = Pick<Evaluation, "probabilities" | "indices">;

export interface EvaluationOptions {
  /** Where the network is; default `cpu`. */
  device?: string;
  /** What convolutions and matrix products are computed in; default `float32`. */
  precision?: Precision;
  /** No more than so many batches; default all. */
  batches?: number;
  /** Stops it between two batches, with the signal's reason as the error. */
  signal?: AbortSignal;
  /** Called after each batch with the number of images done. */
  onBatch?: (images: number) => void;
}

/** `bfloat16`: by autocast, where it is safe; weights, gradients and losses stay float32. */
export type Precision = "float32" | "bfloat16";

/** Runs a part of a network's computation in a precision. */
export function inPrecision<T>(precision: Precision, device: string, body: () => T): T {
  return precision === "float32" ? body() : autocast(device, precision, body);
}

/** A batch's images as a tensor `[N, C, H, W]`; channels last in memory where the loader's layout is `nhwc`. */
export function imagesOf(batch: Batch, layout: Layout, device: string): TorchTensor {
  const images = tensor(batch.images, batch.shape, { device });
  return layout === "nchw" ? images : TorchTensor.of(images.permute([0, 3, 1, 2]));
}

/**
 * Runs a network over labelled images in evaluation mode, and puts its modules back into the modes that they were in.
 *
 * @throws ArgumentError when the network has not as many outputs as the set has classes, or the loader shuffles
 * @throws FoveaError with the code DIVERGED when the network's outputs are not numbers
 * @throws FileError when an image cannot be read, unless the loader skips it; FoveaError with the code FILE when none can
 */
export async function evaluate(model: Module, loader: Loader, options: EvaluationOptions = {}): Promise<Evaluation> {
  const { set } = loader;
  const matrix = new ConfusionMatrix(set.classes);
  const { logarithms, indices } = await logProbabilities(model, loader, options);
  const classes = set.classes.length;
  const labels = Int32Array.from(indices, (index) => set.labels[index] as number);
  const predictions = new Uint32Array(indices.length);
  let loss = 0;
  for (const [i, label] of labels.entries()) {
    const row = logarithms.subarray(i * classes, (i + 1) * classes);
    predictions[i] = row.indexOf(Math.max(...row));
    loss -= row[label] ?? 0;
  }
  matrix.add(labels, predictions);
  return { loss: loss / indices.length, matrix, probabilities: logarithms.map(Math.exp), indices, labels };
}

/**
 * The probabilities of images, in the loader's order, which must not be shuffled. The network runs in evaluation mode; its
 * modules are put back into the modes that they were in.
 *
 * @throws ArgumentError, FoveaError, FileError as {@link evaluate}
 */
export async function predict(model: Module, loader: Loader, options: EvaluationOptions = {}): Promise<Predictions> {
  const { logarithms, indices } = await logProbabilities(model, loader, options);
  return { probabilities: logarithms.map(Math.exp), indices };
}

/** `[N, K]`. Logarithms, because a probability that is next to nothing has none that float32 could tell. */
async function logProbabilities(
  model: Module,
  loader: Loader,
  options: EvaluationOptions,
): Promise<{ logarithms: Float32Array; indices: Uint32Array }> {
  const { device = "cpu", precision = "float32", batches = Number.POSITIVE_INFINITY, signal, onBatch } = options;
  const { set } = loader;
  const { sampler, dropLast, layout } = loader.options;
  if (sampler.name !== "sequential" || dropLast) {
    throw new ArgumentError("predictions need a loader in order, with its last batch");
  }
  const modes = [...model.modules()].map(([, part]) => [part, part.training] as const);
  model.eval();
  try {
    const indices: number[] = [];
    const parts: Float32Array[] = [];
    for await (const batch of loader.epoch(0)) {
      if (parts.length >= batches) break;
      signal?.throwIfAborted();
      const rows = inferenceMode(() =>
        scope(() => {
          const images = imagesOf(batch, layout, device);
          loader.recycle(batch);
          const logits = inPrecision(precision, device, () => model.forward(images));
          if (set.classes.length > 0 && logits.size(1) !== set.classes.length) {
            throw new ArgumentError(
              `the network tells ${logits.size(1)} classes apart, the images have ${set.classes.length}`,
            );
          }
          return TorchTensor.of(logits.logSoftmax(1)).dataAs("float32");
        }),
      );
      const wrong = rows.findIndex(Number.isNaN);
      if (wrong >= 0) {
        const image = set.names[batch.indices[Math.floor((wrong / rows.length) * batch.indices.length)] ?? 0];
        throw new FoveaError("DIVERGED", `The network's outputs for ${image} are not numbers.`, {
          hint: "Its training went astray; train it with a lower learning rate.",
        });
      }
      parts.push(rows);
      indices.push(...batch.indices);
      onBatch?.(indices.length);
      await nextTurn();
    }
    if (indices.length === 0) throw new FoveaError("FILE", "None of the images could be read.");
    const logarithms = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      logarithms.set(part, at);
      at += part.length;
    }
    return { logarithms, indices: Uint32Array.from(indices) };
  } finally {
    for (const [part, training] of modes) part.training = training;
  }
}

/** Lets signals, timers and input have their turn between two batches. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
