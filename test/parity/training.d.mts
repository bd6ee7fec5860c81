import type * as models from "../../src/models/index.js";
import type * as optim from "../../src/optim/index.js";
import type * as torch from "../../src/tensor/torch/index.js";

/** The parts of the package that the training uses. */
export interface Fovea {
  models: typeof models;
  optim: typeof optim;
  torch: typeof torch;
}

export type OptimizerKind = "sgd" | "adamw";

export const settings: { steps: number; batch: number; size: number; classes: number; seed: number };
export function batch(step: number): { images: Float32Array; labels: BigInt64Array };
export function build(fovea: Fovea): models.NucleiBasic;
export function train(fovea: Fovea, kind: OptimizerKind): { losses: number[]; gradients: Map<string, Float32Array> };
