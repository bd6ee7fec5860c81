/** Tensors that compute: libtorch's operators, autograd and memory. Importing loads nothing; the first use does. */

export { type AutocastType, autocast } from "./autocast.js";

export { clearGrads, enableGrad, grad, inferenceMode, noGrad } from "./autograd.js";
export { processorFlags } from "./blas.js";
export { usableCores } from "./cores.js";
export { type CreateOptions, device, full, ones, rand, randn, shareArray, tensor, zeros } from "./create.js";
export {
  type EngineInfo,
  emptyCache,
  engineInfo,
  generatorState,
  isDeterministic,
  isFused,
  manualSeed,
  memory,
  resetPeakMemory,
  schemas,
  setDeterministic,
  setFused,
  setGeneratorState,
  setThreads,
  synchronize,
  threads,
} from "./engine.js";
export { EngineError, type MemoryStatistics, type TensorId } from "./native.js";
export type { MemoryFormat, Operators } from "./operators.generated.js";
export { operator, ops } from "./ops.js";
export { scope } from "./scope.js";
export { TorchTensor } from "./torch-tensor.js";
