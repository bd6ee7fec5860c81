import { requireNotNegative } from "./check.js";
import { cosineBetween } from "./cosine.js";
import type { Schedule } from "./schedule.js";

/**
 * Follows a schedule for some epochs, then goes over to a rate that stays, along half a cosine: for stochastic weight averaging
 * (Izmailov et al. 2018, arXiv 1803.05407), as PyTorch's SWALR.
 *
 * @param options.after epochs that follow the schedule
 * @param options.rate where it ends
 * @param options.over epochs of the way there; 0 jumps
 */
export function annealTo(schedule: Schedule, options: { after: number; rate: number; over: number }): Schedule {
  const { after, rate, over } = options;
  requireNotNegative("annealTo: the epochs before", after);
  requireNotNegative("annealTo: the rate", rate);
  requireNotNegative("annealTo: the epochs of the way", over);
  return (moment) => {
    if (moment.epoch < after) return schedule(moment);
    const at = { ...moment, epoch: after, step: (after / moment.epochs) * moment.steps };
    return over === 0 ? rate : cosineBetween(schedule(at), rate, (moment.epoch - after) / over);
  };
}
