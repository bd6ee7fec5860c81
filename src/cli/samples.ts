import { type Dataset, imageOf } from "../data/index.js";
import { Random } from "../random.js";
import type { Prediction } from "../report/index.js";
import { mostConfidentMistakes, mostProbable, type Predictions } from "../train/index.js";

const right = 16;
const wrong = 8;

/** Some images with what a network says of them: mistakes first, the most certain ones, then others at random. */
export async function chooseSamples(set: Dataset, predictions: Predictions, seed: number): Promise<Prediction[]> {
  const { probabilities, indices } = predictions;
  const { classes, labels } = set;
  const mistakes = mostConfidentMistakes(predictions, labels, wrong);
  const others = Array.from(indices, (index, i) => {
    const row = probabilities.subarray(i * classes.length, (i + 1) * classes.length);
    const predicted = mostProbable(row);
    return { index, truth: labels[index] ?? 0, predicted, confidence: row[predicted] ?? 0 };
  }).filter(({ truth, predicted }) => truth === predicted);
  const order = new Random(seed, "samples").permutation(others.length);
  const chosen = Array.from(order.subarray(0, right), (i) => others[i]).filter((sample) => sample !== undefined);
  return Promise.all(
    [...mistakes, ...chosen].map(async ({ index, truth, predicted, confidence }) => ({
      ...(await imageOf(set, index)),
      truth: classes[truth] ?? "",
      predicted: classes[predicted] ?? "",
      probability: confidence,
    })),
  );
}
