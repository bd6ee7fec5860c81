import { requireNotNegative, requirePositive } from "./check.js";
import type { Schedule } from "./schedule.js";

/**
 * Begins with a part of a schedule's first rate, and follows the schedule afterwards, which has what is left of the
 * training to itself. As torchvision's recipes inside {@link perEpoch}: `perEpoch(warmUp(cosine(0.5), { epochs: 5 }))`.
 *
 * @param options.epochs how long
 * @param options.from the part that it begins with; default 0.01
 * @param options.shape `linear` (default) rises to the whole first rate in a straight line, `constant` stays
 */
export function warmUp(
  schedule: Schedule,
  options: { epochs: number; from?: number; shape?: "linear" | "constant" },
): Schedule {
  const { epochs: length, from = 0.01, shape = "linear" } = options;
  requirePositive("warmUp: the epochs", length);
  requireNotNegative("warmUp: the part", from);
  return ({ step, steps, epoch, epochs }) => {
    const stepsBefore = (length * steps) / epochs;
    // A training no longer than its warm-up leaves nothing; schedules still divide by what they are given.
    const left = { steps: Math.max(steps - stepsBefore, 1), epochs: Math.max(epochs - length, 1) };
    if (epoch >= length) return schedule({ ...left, step: step - stepsBefore, epoch: epoch - length });
    const first = schedule({ ...left, step: 0, epoch: 0 });
    return first * (shape === "linear" ? from + (1 - from) * (epoch / length) : from);
  };
}
