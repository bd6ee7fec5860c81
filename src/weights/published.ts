import { FoveaError } from "../errors.js";
import { findModel } from "../models/index.js";
import type { Preprocessing } from "../preprocessing.js";
import { IMAGENET_CATEGORIES } from "./imagenet-categories.js";
import type { TableRow } from "./published-row.js";
import { PUBLISHED } from "./published-table.js";

/** Where torchvision publishes its weights. */
const PLACE = "https://download.pytorch.org/models/";

/** Trained weights that can be downloaded, and what is known of them. */
export interface PublishedWeights {
  /** The network's name in the registry. */
  readonly model: string;
  /** Which of the network's, e.g. `IMAGENET1K_V2`. */
  readonly name: string;
  readonly url: string;
  /** Size as published, which is rounded: the file's own is within 64 KiB of it. */
  readonly bytes: number;
  /** How the file's SHA-256 begins, in hexadecimal digits. */
  readonly sha256Prefix: string;
  /** Accuracy of the first guess on ImageNet's validation images, in percent, as published. */
  readonly top1: number;
  /** Share of these images where the class is among the first five guesses, in percent. */
  readonly top5: number;
  /** What images go through before the network sees them. */
  readonly preprocessing: Preprocessing;
  /** The classes, in the order of the outputs. */
  readonly categories: readonly string[];
  /** Whether these are meant where only the network is named. */
  readonly default: boolean;
}

/**
 * The published weights of a network, the default first; of all networks where none is named. They are torchvision's,
 * trained on ImageNet-1k (those called SWAG on 3.6 billion photographs before, Singh et al. 2022, arXiv 2201.08371, with
 * a licence of their own, CC BY-NC 4.0).
 *
 * GoogLeNet's have mean and deviation 0.5: they were trained so, and torchvision converts within the network.
 *
 * @returns none for a network that has no published weights
 * @throws FoveaError when there is no network of that name
 */
export function publishedWeights(model?: string): readonly PublishedWeights[] {
  if (model === undefined) return Object.keys(PUBLISHED).flatMap(rowsOf);
  return rowsOf(findModel(model).name);
}

/**
 * The published weights of a network by name; its default ones where none is given.
 *
 * @throws FoveaError that lists the names that there are
 */
export function findPublished(model: string, name?: string): PublishedWeights {
  const rows = publishedWeights(model);
  const found = rows.find((row) => (name === undefined ? row.default : row.name === name.toUpperCase()));
  if (found) return found;
  if (rows.length === 0) {
    const all = Object.keys(PUBLISHED);
    throw new FoveaError("UNKNOWN_WEIGHTS", `There are no published weights of ${model}.`, {
      hint: `There are some of ${all.join(", ")}.`,
    });
  }
  throw new FoveaError("UNKNOWN_WEIGHTS", `There are no weights "${name}" of ${model}.`, {
    hint: `There are ${rows.map((row) => row.name).join(", ")}.`,
  });
}

function rowsOf(model: string): PublishedWeights[] {
  return Object.entries(PUBLISHED[model] ?? {}).map(([name, row], i) => published(model, name, row, i === 0));
}

function published(model: string, name: string, row: TableRow, first: boolean): PublishedWeights {
  const { file, mebibytes, top1, top5, preprocessing } = row;
  return {
    model,
    name,
    url: PLACE + file,
    bytes: Math.round(mebibytes * 2 ** 20),
    sha256Prefix: file.slice(file.lastIndexOf("-") + 1, file.lastIndexOf(".")),
    top1,
    top5,
    preprocessing,
    categories: IMAGENET_CATEGORIES,
    default: first,
  };
}
