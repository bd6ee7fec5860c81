import type { ImageSet } from "../data/index.js";
import { Random } from "../random.js";
import type { Prediction } from "../report/index.js";

const right = 16;
const wrong = 8;

/** Some images with what a network says of them: mistakes first, the most certain ones, then others at random. */
export function chooseSamples(images: ImageSet, probabilities: Float32Array, seed: number): Prediction[] {
  const classes = images.classes;
  const all = Array.from({ length: images.size }, (_, index) => {
    const row = probabilities.subarray(index * classes.length, (index + 1) * classes.length);
    const probability = Math.max(...row);
    const predicted = classes[row.indexOf(probability)] ?? "";
    const truth = classes[images.labels[index] ?? 0] ?? "";
    return { pixels: images.image(index), width: images.width, height: images.height, truth, predicted, probability };
  });
  const mistakes = all
    .filter(({ truth, predicted }) => truth !== predicted)
    .sort((a, b) => b.probability - a.probability);
  const others = all.filter(({ truth, predicted }) => truth === predicted);
  const order = new Random(seed, "samples").permutation(others.length);
  const chosen = Array.from(order.subarray(0, right), (index) => others[index]).filter(
    (sample) => sample !== undefined,
  );
  return [...mistakes.slice(0, wrong), ...chosen];
}
