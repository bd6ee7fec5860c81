import type { Module } from "../nn/index.js";
import { noGrad, TorchTensor } from "../tensor/torch/index.js";

/**
 * Runs something that may change a network's weights and buffers, and puts back what they were, bit for bit, also after
 * an error. The tensors stay the same ones, so optimisers made before go on. Costs the memory of the weights meanwhile.
 */
export async function keepingWeights<T>(model: Module, body: () => Promise<T>): Promise<T> {
  const own = [...model.stateDict().values()].map((value) => TorchTensor.of(value));
  const copies = noGrad(() => own.map((tensor) => tensor.clone().keep()));
  try {
    return await body();
  } finally {
    noGrad(() => {
      for (const [i, copy] of copies.entries()) own[i]?.copy_(copy);
    });
    for (const copy of copies) copy.dispose();
  }
}
