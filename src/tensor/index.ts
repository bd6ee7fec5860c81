/** Tensors as networks see them: the vocabulary, shapes and types. What executes it is `fovea/torch`. */
export { type ArrayOf, bytesOf, type DType, dtypeOf, isFloating, type TypedArray } from "./dtype.js";
export type { OperatorAttributes, OperatorName, Reduction } from "./operators.js";
export { elements, formatShape, type Pair, pair, type Shape, type Size2, sameShape } from "./shape.js";
export { type RecordedInput, type RecordedNode, Recording, SymbolicTensor } from "./symbolic/symbolic-tensor.js";
export {
  type AvgPoolOptions,
  type BatchNormOptions,
  type ConvolutionOptions,
  type Device,
  type Leaf,
  type MaxPoolOptions,
  type NormActivation,
  type Operand,
  type StoredTensor,
  Tensor,
} from "./tensor.js";
