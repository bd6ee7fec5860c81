import { type Dataset, imageOf } from "../data/index.js";
import { Random } from "../random.js";
import type { Prediction } from "../report/index.js";
import type { Predictions } from "../train/index.js";

const right = 16;
const wrong = 8;

/** Some images with what a network says of them: mistakes first, the most certain ones, then others at random. */
export async function chooseSamples(
  set: Dataset,
  { probabilities, indices }: Predictions,
  seed: number,
): Promise<Prediction[]> {
  const classes = set.classes;
  const all = Array.from(indices, (index, i) => {
    const row = probabilities.subarray(i * classes.length, (i + 1) * classes.length);
    const probability = Math.max(...row);
    const predicted = classes[row.indexOf(probability)] ?? "";
    const truth = classes[set.labels[index] ?? 0] ?? "";
    return { index, truth, predicted, probability };
  });
  const mistakes = all
    .filter(({ truth, predicted }) => truth !== predicted)
    .sort((a, b) => b.probability - a.probability);
  const others = all.filter(({ truth, predicted }) => truth === predicted);
  const order = new Random(seed, "samples").permutation(others.length);
  const chosen = Array.from(order.subarray(0, right), (i) => others[i]).filter((sample) => sample !== undefined);
  return Promise.all(
    [...mistakes.slice(0, wrong), ...chosen].map(async ({ index, ...said }) => ({
      ...(await imageOf(set, index)),
      ...said,
    })),
  );
}
