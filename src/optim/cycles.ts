import { ArgumentError } from "../errors.js";
import { requireNotNegative, requirePositive } from "./check.js";
import { cosineBetween } from "./cosine.js";
import type { Schedule } from "./schedule.js";

/**
 * One cycle (Smith and Topin 2018, arXiv 1708.07120): up from a fraction of the peak and, for the longer part, down to
 * next to nothing at the last update, each along half a cosine. Defaults are PyTorch's.
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
  return ({ step, steps }) => {
    const progress = step / Math.max(steps - 1, 1);
    return progress < rise
      ? cosineBetween(first, peak, progress / rise)
      : cosineBetween(peak, first * end, (progress - rise) / (1 - rise));
  };
}

/**
 * Straight up and down between two rates, again and again (Smith 2017, arXiv 1506.01186).
 *
 * @param peak the highest rate
 * @param options.up epochs of the way up
 * @param options.down epochs of the way down; default as many
 * @param options.start the lowest rate as a fraction of the peak; default 1/4
 * @param options.shrink how high each peak rises above the lowest rate, as a multiple of the one before; default 1.
 *   0.5 is Smith's and PyTorch's `triangular2`
 */
export function cyclic(
  peak: number,
  options: { up: number; down?: number; start?: number; shrink?: number },
): Schedule {
  const { up, down = up, start = 0.25, shrink = 1 } = options;
  requirePositive("cyclic: the way up", up);
  requirePositive("cyclic: the way down", down);
  requireNotNegative("cyclic: the start", start);
  requireNotNegative("cyclic: the shrinking", shrink);
  const lowest = peak * start;
  return ({ epoch }) => {
    const cycle = Math.floor(epoch / (up + down));
    const within = epoch - cycle * (up + down);
    const height = within < up ? within / up : 1 - (within - up) / down;
    return lowest + (peak - lowest) * shrink ** cycle * height;
  };
}
