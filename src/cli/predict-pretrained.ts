import { openImages, readPreprocessed, type SkippedImage } from "../data/index.js";
import { FileError, FoveaError } from "../errors.js";
import type { Module } from "../nn/index.js";
import type { Preprocessing } from "../preprocessing.js";
import { percent, printable, table } from "../report/index.js";
import { inferenceMode, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { requireDevice } from "../train/index.js";
import { type PublishedWeights, pretrained } from "../weights/index.js";
import { printSkipped } from "./print-skipped.js";
import { downloadBar, progressBar } from "./progress.js";
import type { RunOptions } from "./run-options.js";

/** Images in memory at once. */
const batchSize = 16;
/** Classes that are told of an image. */
const told = 5;

interface Prediction {
  path: string;
  /** The likeliest classes with their probabilities, the first most so. */
  classes: [name: string, probability: number][];
}

/** Prints what a network with published weights sees in images. */
export async function predictPretrained(
  weights: PublishedWeights,
  paths: readonly string[],
  options: RunOptions,
): Promise<void> {
  const device = requireDevice(options.device).name;
  // Before megabytes are downloaded for nothing.
  const { images, problems } = openImages(paths, { onUnreadable: options.skipUnreadable ? "skip" : "stop" });
  const files = images.paths;
  const model = await fetchModel(weights, device);
  const skipped: SkippedImage[] = [...problems];
  const running = progressBar("predicting");
  const predictions: Prediction[] = [];
  try {
    for (let done = 0; done < files.length; done += batchSize) {
      const batch = await readBatch(files.slice(done, done + batchSize), weights.preprocessing, skipped, options);
      predictions.push(...predictBatch(model, batch, weights, device));
      running.update(Math.min(done + batchSize, files.length), files.length);
    }
  } finally {
    running.stop();
  }
  printSkipped(skipped);
  if (predictions.length === 0) throw new FoveaError("FILE", "None of the images could be read.");
  if (options.json) console.log(JSON.stringify(predictions.map(plain), null, 2));
  else printTable(predictions, weights);
}

async function fetchModel(weights: PublishedWeights, device: string): Promise<Module> {
  const downloading = downloadBar(weights.model);
  const { model } = await pretrained(weights, {
    device,
    onProgress: downloading.update,
  }).finally(downloading.stop);
  return model;
}

interface ReadyImage {
  path: string;
  values: Float32Array;
}

async function readBatch(
  paths: readonly string[],
  preprocessing: Preprocessing,
  skipped: SkippedImage[],
  { skipUnreadable }: RunOptions,
): Promise<ReadyImage[]> {
  const read = await Promise.all(
    paths.map(async (path): Promise<ReadyImage | SkippedImage> => {
      try {
        return { path, values: await readPreprocessed(path, preprocessing) };
      } catch (error) {
        if (!(skipUnreadable && error instanceof FileError)) throw error;
        return { path, reason: error.message.slice(path.length + 2) };
      }
    }),
  );
  skipped.push(...read.filter((one) => "reason" in one));
  return read.filter((one) => "values" in one);
}

function predictBatch(
  model: Module,
  batch: readonly ReadyImage[],
  { categories, preprocessing: { crop } }: PublishedWeights,
  device: string,
): Prediction[] {
  if (batch.length === 0) return [];
  const images = new Float32Array(batch.length * 3 * crop * crop);
  for (const [i, { values }] of batch.entries()) images.set(values, i * values.length);
  const probabilities = inferenceMode(() =>
    scope(() => {
      const logits = model.forward(tensor(images, [batch.length, 3, crop, crop], { device }));
      return TorchTensor.of(logits.softmax(1)).dataAs("float32");
    }),
  );
  return batch.map(({ path }, i) => {
    const row = probabilities.subarray(i * categories.length, (i + 1) * categories.length);
    const classes = categories.map((name, c): [string, number] => [name, row[c] ?? 0]);
    return { path, classes: classes.sort(([, a], [, b]) => b - a).slice(0, told) };
  });
}

function plain({ path, classes }: Prediction) {
  return { path, predicted: classes[0]?.[0], probabilities: Object.fromEntries(classes) };
}

function printTable(predictions: readonly Prediction[], { model, name, top1 }: PublishedWeights): void {
  console.log(`${model} with the weights ${name}: ${percent(top1 / 100)} right on ImageNet's validation images\n`);
  const rows = predictions.flatMap(({ path, classes }) =>
    classes.map(([category, probability], i) => [i === 0 ? printable(path) : "", category, percent(probability)]),
  );
  console.log(table(["Image", "Class", "Probability"], rows, { align: ["left", "left", "right"] }));
}
