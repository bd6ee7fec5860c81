import { ArgumentError } from "../errors.js";

/** The bases of compound scaling, each at least 1: of depth, width and resolution. */
export interface ScalingBases {
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
}

/** Factors of the number of layers, of their channels, and of the image's height and width. */
export interface Scaling {
  readonly depth: number;
  readonly width: number;
  readonly resolution: number;
}

/** What the grid search of the EfficientNet paper found (section 4, step 1). */
export const EFFICIENTNET_BASES: ScalingBases = { alpha: 1.2, beta: 1.1, gamma: 1.15 };

/**
 * Compound scaling (Tan and Le 2019, arXiv 1905.11946, equation 3): depth αᵠ, width βᵠ, resolution γᵠ, under the condition
 * that α·β²·γ² ≈ 2, so that each step of φ about doubles the computation.
 *
 * @param phi 0 for the base network
 * @throws ArgumentError when a base is below 1, or α·β²·γ² is not between 1.8 and 2.2 (the paper's own is 1.92)
 */
export function compoundScaling(phi: number, bases: ScalingBases = EFFICIENTNET_BASES): Scaling {
  const { alpha, beta, gamma } = bases;
  for (const [name, value] of Object.entries({ alpha, beta, gamma })) {
    if (!(value >= 1)) throw new ArgumentError(`compound scaling: ${name} is ${value}, it must be at least 1`);
  }
  const growth = alpha * beta ** 2 * gamma ** 2;
  if (!(growth >= 1.8 && growth <= 2.2)) {
    throw new ArgumentError(
      `compound scaling: alpha·beta²·gamma² is ${growth.toFixed(3)}, not about 2`,
      "A step of phi is to double the computation: choose bases with a product between 1.8 and 2.2.",
    );
  }
  if (!Number.isFinite(phi)) throw new ArgumentError(`compound scaling: phi is ${phi}`);
  return { depth: alpha ** phi, width: beta ** phi, resolution: gamma ** phi };
}
