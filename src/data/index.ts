export { type AugmentedSample, augmentedSamples } from "./augmented.js";
export type { Batch, SkippedImage } from "./batch.js";
export {
  type CheckedImage,
  type CheckOptions,
  type CheckReport,
  checkDataset,
  type Likeness,
  PARTS,
  type PartName,
  type SamePicture,
} from "./check.js";
export { decodeImage, IMAGE_EXTENSIONS, readImage } from "./decode.js";
export { imageOf } from "./image-of.js";
export {
  type ChannelStatistics,
  type Dataset,
  FileSet,
  type Image,
  ImageSet,
  type ImageSetParts,
  type Labelled,
  type Rgb,
  type Size,
  UNLABELLED,
} from "./image-set.js";
export { type Layout, Loader, type LoaderOptions, type Stage } from "./loader.js";
export { type PackedSet, type PackOptions, packDataset, packWhereSmall } from "./pack.js";
export { preprocessImage, readPreprocessed } from "./preprocess.js";
export { type ResizeKernel, resizeRgb } from "./resize.js";
export { type Sampler, samplerSchema } from "./sampler.js";
export {
  fetchData,
  PUBLISHED_DATA,
  type PublishedData,
  type PublishedFile,
  publishedData,
} from "./sources/catalogue.js";
export { type CifarFolder, type CifarLabels, type CifarName, cifarFoldersIn, openCifar } from "./sources/cifar.js";
export {
  type FileOptions,
  type FolderOptions,
  openImageFolder,
  openImages,
  openLabelledFolder,
} from "./sources/folder.js";
export { type IdxName, idxFolderIn, openIdx } from "./sources/idx.js";
export { openManifest } from "./sources/manifest.js";
export { type OpenOptions, openDataset } from "./sources/open.js";
export type { OnUnreadable, OpenedData, Problem } from "./sources/opened.js";
export { fromPixels, type PixelArray, type PixelOptions } from "./sources/pixels.js";
export { type DataChoices, dataSpecOf } from "./sources/recognise.js";
export { type DataSpec, dataSpecSchema } from "./sources/spec.js";
export { holdOut } from "./sources/split.js";
export { type DatasetStatistics, datasetStatistics, type Range, type StatisticsOptions } from "./statistics.js";
export { type SyntheticNucleiOptions, syntheticNuclei } from "./synthetic-nuclei.js";
export * from "./transforms/index.js";
