import { extname } from "node:path";
import {
  type ChannelStatistics,
  type DataSpec,
  type Dataset,
  datasetStatistics,
  type PresetName,
  parsePipeline,
  presetName,
} from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import type { Recipe } from "../train/index.js";
import { readYaml } from "../yaml-file.js";
import { progressBar } from "./progress.js";

/** What suits images of a source. */
export function presetFor(source: DataSpec["source"] | undefined): PresetName {
  return source === "cifar10" || source === "cifar100" ? "cifar10" : "nuclei";
}

/** Mean and deviation of training images; of those that are decoded again and again, some tell enough. */
export async function measureColours(set: Dataset, onUnreadable: "stop" | "skip"): Promise<ChannelStatistics> {
  const measuring = progressBar("measuring images");
  const limit = set.kind === "files" ? 2048 : undefined;
  return datasetStatistics(set, { limit, onUnreadable, onProgress: measuring.update }).finally(measuring.stop);
}

/**
 * What `--augment` means: the name of a preset, or a YAML file with a list of transforms; false for `--no-augment`, undefined where
 * nothing was said.
 *
 * @throws ArgumentError, FileError that name what is wrong
 */
export function augmentationOf(word: string | false | undefined): Recipe["transforms"] | undefined {
  if (word === undefined) return undefined;
  if (word === false) return { train: [] };
  if (![".yaml", ".yml"].includes(extname(word).toLowerCase())) return presetName(word);
  try {
    return { train: parsePipeline(readYaml(word)) };
  } catch (error) {
    if (error instanceof ArgumentError) throw new FileError(word, error.message, { hint: error.hint, cause: error });
    throw error;
  }
}
