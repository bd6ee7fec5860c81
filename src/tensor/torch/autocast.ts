import type { DType } from "../dtype.js";
import { synchronous } from "./autograd.js";
import { native } from "./native.js";

/** The types that mixed precision computes in. */
export type AutocastType = Extract<DType, "bfloat16" | "float16">;

/**
 * Mixed precision (Micikevicius et al. 2018, arXiv 1710.03740): runs a function in which convolutions, linear layers and
 * matrix products of float32 tensors on a kind of device are computed in a 16-bit type, and so are their results. What
 * needs the range or the digits is computed in float32: softmax, losses, group and layer norm. Weights stay float32, and their
 * gradients are.
 *
 * Run forward and loss in it; backward and the optimiser's step belong outside: casts of weights are kept until the
 * outermost one ends. Once it ends, or throws, everything is as it was before. It nests.
 *
 * @param deviceName `cpu` or a GPU, as `cuda:0`; autocast is then on for all GPUs
 * @param dtype float16 needs its gradients scaled; on the CPU it needs libtorch 2.4
 * @param body not async
 * @throws EngineError for a device that this machine or autocast has not, and for float16 where there is none
 * @throws ArgumentError when `body` is async
 *
 * @example
 * const loss = autocast("cpu", "bfloat16", () => criterion.forward(network.forward(images), labels));
 * loss.backward();
 */
export function autocast<T>(deviceName: string, dtype: AutocastType, body: () => T): T {
  native().enterAutocast(deviceName, dtype);
  try {
    return synchronous(body(), "autocast");
  } finally {
    native().exitAutocast();
  }
}
