/** The networks, and the registry that knows them by name. Importing it registers every family. */
export { CifarResNet } from "./cifar-resnet.js";
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
