/** Networks as code: modules, layers, the elements that families share, initialisers, losses. */
export {
  type ActivationName,
  activation,
  activationNames,
  GELU,
  Hardsigmoid,
  Hardswish,
  Identity,
  LeakyReLU,
  ReLU,
  ReLU6,
  Sigmoid,
  SiLU,
  Tanh,
} from "./activation.js";
export { Flatten, Sequential } from "./container.js";
export { Conv2d, type Conv2dOptions, type Padding } from "./conv.js";
export { ConvNormAct, type ConvNormActOptions, type NormFactory } from "./conv-norm-act.js";
export { makeDivisible } from "./divisible.js";
export { Dropout, StochasticDepth } from "./dropout.js";
export { headDropout } from "./head-dropout.js";
export * as init from "./init.js";
export { type BlockClass, FusedMBConv, type InvertedResidualOptions, MBConv, stage } from "./inverted-residual.js";
export { Linear, type LinearOptions } from "./linear.js";
export { BCEWithLogitsLoss, CrossEntropyLoss, type CrossEntropyOptions, Loss, MSELoss } from "./loss.js";
export { type AnyModule, Module, type StateDict, StateDictError } from "./module.js";
export { BatchNorm2d, type BatchNormOptions, GroupNorm, LayerNorm } from "./norm.js";
export { Buffer, type FloatType, Parameter } from "./parameter.js";
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d } from "./pool.js";
export { residual, sequence } from "./sequence.js";
export { Shift } from "./shift.js";
export { SqueezeExcitation, type SqueezeExcitationOptions } from "./squeeze-excitation.js";
