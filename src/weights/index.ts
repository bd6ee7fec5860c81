/** Weights in files. */
export { cacheFolder, DownloadError, type DownloadOptions, download } from "../download/index.js";
export { type AveragedWeights, averageWeights } from "./average.js";
export { cachedPath, fetchPublished } from "./cache.js";
export {
  type Checkpoint,
  type CheckpointFacts,
  type CheckpointFormat,
  type CheckpointOptions,
  hyperParametersKey,
  type OpenCheckpoint,
  openCheckpoint,
  readCheckpoint,
} from "./checkpoint.js";
export { type CheckpointModel, modelFromCheckpoint } from "./checkpoint-model.js";
export type { FileTensor } from "./file-tensor.js";
export { headTensors } from "./head.js";
export { IMAGENET_CATEGORIES } from "./imagenet-categories.js";
export { type HyperParameters, hyperParametersText, type Plain } from "./plain.js";
export { type Pretrained, type PretrainedOptions, pretrained } from "./pretrained.js";
export { findPublished, type PublishedWeights, publishedWeights } from "./published.js";
export {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  writeSafetensors,
} from "./safetensors.js";
export { engineTensors, loadWeights, requireWritable, saveWeights, writeTensors } from "./weights.js";
