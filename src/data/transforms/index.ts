/**
 * Transforms of images as data: what users write is checked by {@link parsePipeline}; for each sample {@link drawOps} draws
 * what is random and gives concrete operations, which {@link encodeOps} turns into numbers for the images addon. Semantics
 * and defaults are torchvision's on PIL images.
 *
 * Nothing here needs Node: {@link preprocess} prepares images for a network also in a browser.
 */
export { describeOps } from "./describe.js";
export { drawOps } from "./draw.js";
export { encodeOps } from "./encode.js";
export type { DrawnBox, EraseFill, ImageOp, Interpolation, PaddingMode, WeightedChain } from "./image-op.js";
export {
  type DrawnMix,
  drawMix,
  type Mix,
  type MixBox,
  type MixInput,
  mixSchema,
  mixTargets,
  parseMix,
} from "./mix.js";
export { outputSize, withImageSize } from "./output-size.js";
export { type Preprocessed, preprocess } from "./preprocess.js";
export { findPreset, PRESET_NAMES, type Preset, type PresetName, pipelineOf, presetName } from "./presets.js";
export {
  parsePipeline,
  pipelineSchema,
  TRANSFORM_NAMES,
  type Transform,
  type TransformInput,
  type TransformName,
  type TransformOf,
  transformSchema,
} from "./schema.js";
