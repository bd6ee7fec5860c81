/** How far training is, at an update. */
export interface Moment {
  /** Updates made before this one. */
  step: number;
  /** Updates of the whole training. */
  steps: number;
  /** Epochs that are over, with the share of the present one. */
  epoch: number;
  /** Epochs of the whole training. */
  epochs: number;
}

/**
 * The learning rate at a moment. Lengths are counted in epochs, and rates change with every update; {@link perEpoch} keeps
 * them through each epoch.
 */
export type Schedule = (moment: Moment) => number;

/** The same rate throughout. */
export function constant(learningRate: number): Schedule {
  return () => learningRate;
}

/** Changes the rate only between epochs, as where PyTorch's schedules are stepped once an epoch. */
export function perEpoch(schedule: Schedule): Schedule {
  return ({ epoch, epochs }) => {
    const whole = Math.floor(epoch);
    return schedule({ step: whole, steps: epochs, epoch: whole, epochs });
  };
}
