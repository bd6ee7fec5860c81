import { ArgumentError } from "../errors.js";

/** The learning rate over training: `progress` runs from 0 at the first update to 1 at the last. */
export type Schedule = (progress: number) => number;

/** The same rate throughout. */
export function constant(learningRate: number): Schedule {
  return () => learningRate;
}

/** Half a cosine from the rate down to 0 (Loshchilov and Hutter 2017, arXiv 1608.03983). */
export function cosine(learningRate: number): Schedule {
  return (progress) => cosineBetween(learningRate, 0, progress);
}

/**
 * One cycle (Smith and Topin 2018, arXiv 1708.07120): up from a fraction of the peak and, for the longer part, down to
 * next to nothing, each along half a cosine. Defaults are PyTorch's.
 *
 * @param peak the highest rate
 * @param options.rise the share of training that goes up, in (0, 1); default 0.3
 * @param options.start the first rate as a fraction of the peak; default 1/25
 * @param options.end the last rate as a fraction of the first; default 1e-4
 */
export function oneCycle(peak: number, options: { rise?: number; start?: number; end?: number } = {}): Schedule {
  const { rise = 0.3, start = 1 / 25, end = 1e-4 } = options;
  if (!(rise > 0 && rise < 1))
    throw new ArgumentError(`oneCycle: the rising share ${rise} does not lie between 0 and 1`);
  const first = peak * start;
  return (progress) =>
    progress < rise
      ? cosineBetween(first, peak, progress / rise)
      : cosineBetween(peak, first * end, (progress - rise) / (1 - rise));
}

function cosineBetween(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * Math.min(Math.max(share, 0), 1)));
}
