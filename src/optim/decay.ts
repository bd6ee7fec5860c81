import { ArgumentError } from "../errors.js";
import { requireNotNegative, requirePositive } from "./check.js";
import type { Schedule } from "./schedule.js";

/** Multiplies the rate by a factor every so many epochs, e.g. 30, or 2.4. @param options.factor default 0.1 */
export function stepDecay(learningRate: number, options: { every: number; factor?: number }): Schedule {
  const { every, factor = 0.1 } = options;
  requirePositive("stepDecay: every", every);
  requireNotNegative("stepDecay: the factor", factor);
  // A quotient such as 0.3 / 0.1 may come out a bit too small.
  return ({ epoch }) => learningRate * factor ** Math.floor(epoch / every + 1e-9);
}

/** Multiplies the rate by a factor where each of the given epochs is over. @param options.factor default 0.1 */
export function multiStepDecay(learningRate: number, options: { after: readonly number[]; factor?: number }): Schedule {
  const { after, factor = 0.1 } = options;
  for (const epoch of after) requireNotNegative("multiStepDecay: the epoch", epoch);
  requireNotNegative("multiStepDecay: the factor", factor);
  return ({ epoch }) => learningRate * factor ** after.filter((end) => end <= epoch).length;
}

/** Multiplies the rate by a factor over so many epochs, smoothly. @param options.every default 1 */
export function exponentialDecay(learningRate: number, options: { factor: number; every?: number }): Schedule {
  const { factor, every = 1 } = options;
  requirePositive("exponentialDecay: every", every);
  requirePositive("exponentialDecay: the factor", factor);
  return ({ epoch }) => learningRate * factor ** (epoch / every);
}

/** A power of the share of training that is left: from the rate to 0. @param options.power default 1, a straight line */
export function polynomialDecay(learningRate: number, options: { power?: number } = {}): Schedule {
  const { power = 1 } = options;
  if (!(power > 0)) throw new ArgumentError(`polynomialDecay: the power ${power} is not above 0`);
  return ({ epoch, epochs }) => learningRate * (1 - Math.min(epoch / epochs, 1)) ** power;
}
