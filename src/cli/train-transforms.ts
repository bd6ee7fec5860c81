import { extname } from "node:path";
import {
  type ChannelStatistics,
  type DataSpec,
  type Dataset,
  datasetStatistics,
  findPreset,
  outputSize,
  type Preset,
  parsePipeline,
  type Transform,
} from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import type { RunSettings } from "../train/index.js";
import { readYaml } from "../yaml-file.js";
import { progressBar } from "./progress.js";

/** What is done to training images: what a preset says, a list of one's own, or nothing but what evaluation does. */
export type Augmentation =
  | { readonly kind: "preset"; readonly preset: Preset }
  | { readonly kind: "list"; readonly transforms: readonly Transform[] }
  | { readonly kind: "none" };

/** What suits images of a source. */
export function presetFor({ source }: DataSpec): Preset {
  return findPreset(source === "cifar10" || source === "cifar100" ? "cifar10" : "nuclei");
}

/** Mean and deviation of training images; of those that are decoded again and again, some tell enough. */
export async function measureColours(set: Dataset, onUnreadable: "stop" | "skip"): Promise<ChannelStatistics> {
  const measuring = progressBar("measuring images");
  const limit = set.kind === "files" ? 2048 : undefined;
  return datasetStatistics(set, { limit, onUnreadable, onProgress: measuring.update }).finally(measuring.stop);
}

/**
 * What `--augment` means: the name of a preset, or a YAML file with a list of transforms; false for `--no-augment`,
 * undefined for what suits the images.
 *
 * @throws ArgumentError, FileError that name what is wrong
 */
export function augmentationOf(word: string | false | undefined, fitting: Preset): Augmentation {
  if (word === undefined) return { kind: "preset", preset: fitting };
  if (word === false) return { kind: "none" };
  if (![".yaml", ".yml"].includes(extname(word).toLowerCase())) return { kind: "preset", preset: findPreset(word) };
  try {
    return { kind: "list", transforms: parsePipeline(readYaml(word)) };
  } catch (error) {
    if (error instanceof ArgumentError) throw new FileError(word, error.message, { hint: error.hint, cause: error });
    throw error;
  }
}

/**
 * The transforms of a run. For evaluation images are resized as a preset does, without one to the square, and normalised as
 * in training: by the preset's or the list's own numbers, else by `statistics`.
 *
 * @param fallback the preset that tells how images are resized and normalised where the augmentation does not
 * @param size height and width that the network gets
 */
export function trainTransforms(
  augmentation: Augmentation,
  fallback: Preset,
  size: number,
  statistics: ChannelStatistics,
): RunSettings["transforms"] {
  switch (augmentation.kind) {
    case "preset": {
      const { preset } = augmentation;
      const normalization = preset.normalization ?? statistics;
      return { train: preset.train(size, normalization), evaluation: preset.evaluation(size, normalization) };
    }
    case "none": {
      const evaluation = fallback.evaluation(size, fallback.normalization ?? statistics);
      return { train: evaluation, evaluation };
    }
    case "list": {
      const { transforms } = augmentation;
      const own = transforms.find(({ name }) => name === "normalize");
      const [resize, normalize] = parsePipeline([
        { name: "resize", size: [size, size], interpolation: "bicubic" },
        own ?? { name: "normalize", mean: [...statistics.mean], std: [...statistics.std] },
      ]);
      if (!resize || !normalize) throw new ArgumentError("there is nothing to normalise by");
      const train = parsePipeline([
        ...(outputSize(transforms) ? [] : [resize]),
        ...transforms,
        ...(own ? [] : [normalize]),
      ]);
      return { train, evaluation: [resize, normalize] };
    }
    default:
      return augmentation satisfies never;
  }
}
