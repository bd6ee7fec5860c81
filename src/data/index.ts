export {
  type Augmentation,
  type AugmentationDraw,
  type ColorJitter,
  drawAugmentation,
  NUCLEI_AUGMENTATION,
  UNCHANGED,
} from "./augment.js";
export { cifar10FolderIn, loadCifar10 } from "./cifar.js";
export { decodeImage, IMAGE_EXTENSIONS, type Image, readImage, type Size } from "./decode.js";
export {
  type FolderOptions,
  type LoadedFolder,
  loadImageFolder,
  loadImages,
  loadLabelledFolder,
} from "./image-folder.js";
export { type ChannelStatistics, ImageSet, type ImageSetParts, type Rgb, UNLABELLED } from "./image-set.js";
export { type Batch, Loader, type LoaderOptions } from "./loader.js";
export { preprocessImage, readPreprocessed } from "./preprocess.js";
export type { ReadOptions, SkippedImage } from "./read-images.js";
export { type ResizeKernel, resizeRgb } from "./resize.js";
export type { Layout } from "./sample.js";
export { expandPaths } from "./scan.js";
export { type SyntheticNucleiOptions, syntheticNuclei } from "./synthetic-nuclei.js";
