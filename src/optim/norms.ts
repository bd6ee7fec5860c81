import { ops, TorchTensor } from "../tensor/torch/index.js";

/** The Euclidean norms of tensors on one device, by their ids. Waits for the device once. */
export function normsOf(tensors: readonly number[]): number[] {
  const stacked = TorchTensor.adopt(ops.stack(ops["_foreach_norm.Scalar"](tensors, 2)));
  return Array.from(stacked.dataAs("float64"));
}
