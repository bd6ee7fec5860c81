import type { Parameter } from "../nn/index.js";
import { noGrad, ops, scope, TorchTensor } from "../tensor/torch/index.js";
import { requireNotNegative } from "./check.js";

/**
 * L1 regularisation (Tibshirani 1996): adds the gradient of `amount` times the sum of the weights' magnitudes,
 * `amount * sign(w)`, to the gradients of all trainable parameters of more than one dimension. Biases and norms have one
 * and stay as they are, as does what no gradient has reached. To be called between backward and step; where gradients are
 * clipped or were scaled, after that.
 *
 * @param amount from 0 up; usual are 1e-6 to 1e-4
 * @throws ArgumentError for an amount that is not a number from 0 up
 */
export function addL1Gradient(parameters: Iterable<[string, Parameter]>, amount: number): void {
  requireNotNegative("addL1Gradient: the amount", amount);
  if (amount === 0) return;
  noGrad(() =>
    scope(() => {
      for (const [, parameter] of parameters) {
        if (!parameter.trainable || parameter.shape.length <= 1) continue;
        const weight = TorchTensor.of(parameter);
        const { grad } = weight;
        if (!grad) continue;
        const sign = weight.clone();
        ops.sign_(sign.id);
        grad.add_(sign, amount);
      }
    }),
  );
}
