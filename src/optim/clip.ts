import type { Parameter } from "../nn/index.js";
import { noGrad, ops, scope, TorchTensor } from "../tensor/torch/index.js";
import { requireNotNegative, requirePositive } from "./check.js";

/**
 * Scales the gradients of all parameters together so that their Euclidean norm, as that of one long vector, is at most
 * `most`: `torch.nn.utils.clip_grad_norm_`. To be called between backward and step; it waits for the device once.
 *
 * @returns the norm before; NaN or infinite where a gradient is, and then the gradients are of no use
 */
export function clipGradNorm(parameters: Iterable<[string, Parameter]>, most: number): number {
  requirePositive("clipGradNorm: the norm", most);
  return noGrad(() =>
    scope(() => {
      const gradients = gradientsOf(parameters);
      return gradients.length === 0 ? 0 : ops["fovea::clip_gradients_"](gradients, most);
    }),
  );
}

/** Bounds every element of the gradients to [-most, most]: `torch.nn.utils.clip_grad_value_`. */
export function clipGradValue(parameters: Iterable<[string, Parameter]>, most: number): void {
  requireNotNegative("clipGradValue: the bound", most);
  noGrad(() =>
    scope(() => {
      for (const gradient of gradientsOf(parameters)) ops.clamp_(gradient, -most, most);
    }),
  );
}

/** Ids of the gradients that there are. */
function gradientsOf(parameters: Iterable<[string, Parameter]>): number[] {
  const found: number[] = [];
  for (const [, parameter] of parameters) {
    const gradient = parameter.trainable ? TorchTensor.of(parameter).grad : null;
    if (gradient) found.push(gradient.id);
  }
  return found;
}
