/** The networks, and the registry that knows them by name. Importing it registers every family. */

export { AnyNet, type AnyNetDesign, type AnyNetOptions, type AnyNetStage } from "./anynet.js";
export { CifarDenseNet, type CifarDenseNetOptions } from "./cifar-densenet.js";
export { CifarGoogLeNet } from "./cifar-googlenet.js";
export { CifarResNet, type CifarResNetOptions } from "./cifar-resnet.js";
export { compoundScaling, EFFICIENTNET_BASES, type Scaling, type ScalingBases } from "./compound-scaling.js";
export { D2lAnyNet, type D2lDesign, type D2lStage } from "./d2l.js";
export { DenseNet, type DenseNetRow } from "./densenet.js";
export { EfficientNet, type EfficientNetOptions } from "./efficientnet.js";
export { EfficientNetV2, type EfficientNetV2Row, type EfficientNetV2Stage } from "./efficientnet-v2.js";
export { GoogLeNet, type GoogLeNetOptions } from "./googlenet.js";
export { MLP, type MLPOptions } from "./mlp.js";
export { MobileNetV3, type MobileNetV3Block, type MobileNetV3Options, type MobileNetV3Row } from "./mobilenet-v3.js";
export { NucleiBasic, type NucleiBasicOptions } from "./nuclei.js";
export {
  CIFAR10_NORMALIZATION,
  createModel,
  findModel,
  IMAGENET_NORMALIZATION,
  listModels,
  type ModelEntry,
  type ModelOptions,
  type Normalization,
  registerModel,
  type SpecialOption,
  type Stem,
} from "./registry.js";
export { type RegNetOptions, type RegNetParameters, type RegNetRounding, regnet, regnetStages } from "./regnet.js";
export { ResNet, type ResNetOptions, type ResNetRow } from "./resnet.js";
export { ShiftResNet, type ShiftResNetOptions } from "./shift-resnet.js";
export { ShiftNet, type ShiftNetRow, type ShiftNetStage } from "./shiftnet.js";
export { Fire, SqueezeNet, type SqueezeNetRow } from "./squeezenet.js";
