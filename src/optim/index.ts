/** Optimisers and learning-rate schedules. */
export { AdamW, type AdamWOptions } from "./adamw.js";
export { Optimizer, type OptimizerState } from "./optimizer.js";
export { constant, cosine, oneCycle, type Schedule } from "./schedule.js";
export { SGD, type SGDOptions } from "./sgd.js";
