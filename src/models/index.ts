/** The networks, and the registry that knows them by name. Importing it registers every family. */
export { CifarResNet } from "./cifar-resnet.js";
export { NucleiBasic, type NucleiBasicOptions } from "./nuclei.js";
export { createModel, findModel, listModels, type ModelEntry, type ModelOptions, registerModel } from "./registry.js";
