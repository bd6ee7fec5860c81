/** Differences between two trainings, as numbers without a unit. */

/** The greatest |a − b| / |b| over the steps. */
export function lossDifference(losses, reference) {
  if (losses.length !== reference.length) return Number.POSITIVE_INFINITY;
  return Math.max(...losses.map((loss, i) => Math.abs(loss - reference[i]) / Math.abs(reference[i])));
}

export const maxNorm = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/**
 * Some gradients are zero by construction and hold only rounding: a shift before a 1x1 convolution is taken out by the batch
 * norm after it. What counts as such lies this far below the network's greatest gradient, and is compared with that.
 */
const nothing = 1e-5;

/**
 * What a gradient's difference is measured by: its own max-norm, or the network's where it is zero by construction.
 *
 * @param own max-norm of the gradient
 * @param greatest that of all gradients
 */
export function gradientUnit(own, greatest) {
  return own > nothing * greatest ? own : greatest;
}
