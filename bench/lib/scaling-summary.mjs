/** What the samples of scaling.mjs say: lines through time and memory, and how well they fit. */
import { figures } from "./figures.mjs";

/** What is varied, with what stays. */
export const sweeps = {
  batch: {
    title: "batch of cifar_resnet20",
    values: [8, 16, 32, 64, 128, 256],
    network: () => "cifar_resnet20",
    batch: (value) => value,
  },
  depth: {
    title: "depth of the CIFAR-10 ResNet, batch 64",
    values: [20, 32, 44, 56, 110],
    network: (value) => `cifar_resnet${value}`,
    batch: () => 64,
  },
};

/** How good a line has to be: the part of the variance that it explains, and what counts as a cliff, as a multiple of the line's value. */
const LEAST_R2 = 0.99;
const CLIFF = 1.25;

/**
 * @returns for each sweep and contender that were measured: `points`, the medians over the rounds, and for `milliseconds` and `peakMB` the line
 */
export function summariseScaling(samples) {
  return Object.keys(sweeps).flatMap((sweep) => {
    const ofSweep = samples.filter((sample) => sample.sweep === sweep);
    return [...new Set(ofSweep.map(({ contender }) => contender))].map((contender) => {
      const own = ofSweep.filter((sample) => sample.contender === contender);
      const points = [...new Set(own.map(({ value }) => value))].map((value) => {
        const at = own.filter((sample) => sample.value === value);
        const column = (key) => figures(at.map((sample) => sample[key]));
        return { value, milliseconds: column("milliseconds"), peakMB: column("peakMB") };
      });
      return {
        sweep,
        contender,
        points,
        milliseconds: lineThrough(points, "milliseconds"),
        peakMB: lineThrough(points, "peakMB"),
      };
    });
  });
}

/**
 * The line of least squares through the medians.
 *
 * @returns `intercept`, `slope`, `r2`, and `worst`: the greatest value in terms of the line's, of the points where the line is above half of its
 *   mean; before, what a step costs apart from its size decides
 */
function lineThrough(points, key) {
  const xs = points.map(({ value }) => value);
  const ys = points.map((point) => point[key].median);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const slope =
    xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i] - meanY), 0) / xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
  const intercept = meanY - slope * meanX;
  const line = xs.map((x) => intercept + slope * x);
  const residual = ys.reduce((sum, y, i) => sum + (y - line[i]) ** 2, 0);
  const total = ys.reduce((sum, y) => sum + (y - meanY) ** 2, 0);
  const judged = ys.flatMap((y, i) => (line[i] > meanY / 2 ? [y / line[i]] : []));
  return { intercept, slope, r2: 1 - residual / total, worst: Math.max(...judged) };
}

/** What is required of Fovea. */
export function scalingRequirements(summary) {
  return summary
    .filter(({ contender }) => contender === "fovea")
    .flatMap((line) =>
      ["milliseconds", "peakMB"].map((key) => {
        const { r2, worst } = line[key];
        const what = key === "peakMB" ? "peak memory" : "time of a step";
        return {
          what: `${what} is linear in the ${line.sweep}: R² ${r2.toFixed(4)}, at most ${worst.toFixed(2)} times the line`,
          met: r2 >= LEAST_R2 && worst <= CLIFF,
        };
      }),
    );
}
