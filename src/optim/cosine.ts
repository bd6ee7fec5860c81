import { ArgumentError } from "../errors.js";
import { requireNotNegative, requirePositive } from "./check.js";
import type { Schedule } from "./schedule.js";

/**
 * Half a cosine from the rate down (Loshchilov and Hutter 2017, arXiv 1608.03983).
 *
 * @param options.end where it would be after the last update, as a fraction of the rate; default 0
 */
export function cosine(learningRate: number, options: { end?: number } = {}): Schedule {
  const { end = 0 } = options;
  requireNotNegative("cosine: the end", end);
  return ({ epoch, epochs }) => cosineBetween(learningRate, learningRate * end, epoch / epochs);
}

/**
 * Half a cosine down, again and again from the top (Loshchilov and Hutter 2017).
 *
 * @param options.first epochs of the first
 * @param options.growth how many times as long as the one before each is, from 1 up; default 1
 * @param options.end what each runs towards, as a fraction of the rate; default 0
 */
export function cosineRestarts(
  learningRate: number,
  options: { first: number; growth?: number; end?: number },
): Schedule {
  const { first, growth = 1, end = 0 } = options;
  requirePositive("cosineRestarts: the first length", first);
  if (!(growth >= 1 && Number.isFinite(growth)))
    throw new ArgumentError(`cosineRestarts: the growth ${growth} is not a number from 1 up`);
  requireNotNegative("cosineRestarts: the end", end);
  return ({ epoch }) => {
    let start = 0;
    let length = first;
    // Sums such as 0.1 + 0.1 + 0.1 may come out a bit too large.
    while (epoch + 1e-9 >= start + length) {
      start += length;
      length *= growth;
    }
    return cosineBetween(learningRate, learningRate * end, (epoch - start) / length);
  };
}

/** Half a cosine; a share outside [0, 1] is taken as the nearer end. */
export function cosineBetween(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * Math.min(Math.max(share, 0), 1)));
}
