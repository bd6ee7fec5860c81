/** Optimisers and learning-rate schedules. */
export { Adam, type AdamOptions } from "./adam.js";
export { AdamW, type AdamWOptions } from "./adamw.js";
export { annealTo } from "./anneal-to.js";
export { clipGradNorm, clipGradValue } from "./clip.js";
export { cosine, cosineRestarts } from "./cosine.js";
export { cyclic, oneCycle } from "./cycles.js";
export { exponentialDecay, multiStepDecay, polynomialDecay, stepDecay } from "./decay.js";
export { addL1Gradient } from "./l1.js";
export { LAMB, type LAMBOptions } from "./lamb.js";
export { Lion, type LionOptions } from "./lion.js";
export { Optimizer, type OptimizerOptions, type OptimizerState, type Update } from "./optimizer.js";
export { normsWithoutDecay, type ParameterGroup, withoutDecay } from "./parameter-group.js";
export { type PlateauOptions, PlateauSchedule, type PlateauState } from "./plateau.js";
export { RMSprop, type RMSpropOptions } from "./rmsprop.js";
export { constant, type Moment, perEpoch, type Schedule } from "./schedule.js";
export { SGD, type SGDOptions } from "./sgd.js";
export { warmUp } from "./warm-up.js";
