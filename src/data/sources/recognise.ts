import { resolve } from "node:path";
import { distance } from "fastest-levenshtein";
import { ArgumentError, FileError } from "../../errors.js";
import { PUBLISHED_DATA } from "./catalogue.js";
import { type CifarLabels, cifarFoldersIn } from "./cifar.js";
import { idxFolderIn } from "./idx.js";
import type { OnUnreadable } from "./opened.js";
import { isFile, isFolder } from "./scan.js";
import type { DataSpec } from "./spec.js";

/** What one may choose of images that are named or in a place; each only where the source knows it. */
export interface DataChoices {
  /** Default 0.1 for sets that come with a test part (CIFAR, MNIST), 0.2 for folders and CSV files. */
  readonly validationFraction?: number;
  /** Default 0. */
  readonly splitSeed?: number;
  /** Of folders and CSV files. */
  readonly groupBy?: string;
  /** Of folders and CSV files; nothing else has anything to skip. Default `"stop"`. */
  readonly onUnreadable?: OnUnreadable;
  /** Of CIFAR-100. Default `"fine"`. */
  readonly labels?: CifarLabels;
  /** Of synthetic images: how many to train on (default 2400), to validate on (600), pixels of a side (90), seed (0). */
  readonly synthetic?: {
    readonly train?: number;
    readonly validation?: number;
    readonly size?: number;
    readonly seed?: number;
  };
}

/**
 * What a name or a path means: `synthetic`, a published set (`cifar10`, `cifar100`, `mnist`, `fashion_mnist`), a folder
 * with the files of one of those, a CSV file, or a folder of images. A folder with the name of a set is `./cifar10`.
 *
 * MNIST and Fashion-MNIST have files of the same names; a folder is taken for the latter where its path has "fashion" in
 * it. Paths stay as they are given.
 *
 * @returns the specification with every default filled in, fit to be written down
 * @throws FileError when there is nothing at the path, or more than one set
 * @throws ArgumentError when something is chosen that the source does not know
 */
export function dataSpecOf(what: string, choices: DataChoices = {}): DataSpec {
  const spec = recognise(what, choices);
  const ofFiles = spec.source === "folder" || spec.source === "csv";
  const known = [
    ["validationFraction", spec.source !== "synthetic"],
    ["splitSeed", spec.source !== "synthetic"],
    ["groupBy", ofFiles],
    ["labels", spec.source === "cifar100"],
    ["synthetic", spec.source === "synthetic"],
  ] as const;
  for (const [name, isKnown] of known) {
    if (choices[name] === undefined || isKnown) continue;
    throw new ArgumentError(`${name} cannot be chosen for ${what}, which is taken for ${DESCRIPTIONS[spec.source]}`);
  }
  return spec;
}

const DESCRIPTIONS: Readonly<Record<DataSpec["source"], string>> = {
  synthetic: "synthetic images",
  folder: "a folder of images",
  csv: "a CSV file",
  cifar10: "CIFAR-10",
  cifar100: "CIFAR-100",
  mnist: "MNIST",
  fashion_mnist: "Fashion-MNIST",
};

function recognise(what: string, choices: DataChoices): DataSpec {
  const { groupBy, onUnreadable = "stop", splitSeed = 0, labels = "fine" } = choices;
  if (what === "synthetic") {
    const { train = 2400, validation = 600, size = 90, seed = 0 } = choices.synthetic ?? {};
    return { source: "synthetic", train, validation, size, seed };
  }
  const files = { path: what, validationFraction: choices.validationFraction ?? 0.2, splitSeed, groupBy, onUnreadable };
  const divided = { validationFraction: choices.validationFraction ?? 0.1, splitSeed };
  const published = PUBLISHED_DATA.find((name) => name === what);
  const [found, second] = published ? [] : cifarFoldersIn(what);
  if (second) throw new FileError(what, "holds CIFAR-10 and CIFAR-100", { hint: "Name the folder of the one meant." });
  const source = published ?? found?.name ?? idxName(what);
  const path = published ? undefined : what;
  if (source === "cifar100") return { source, path, labels, ...divided };
  if (source) return { source, path, ...divided };
  if (isFile(what)) {
    if (/\.csv$/i.test(what)) return { source: "csv", ...files };
    throw new FileError(what, "is a file, but no .csv", { hint: "Name a CSV file that lists images, or a folder." });
  }
  if (isFolder(what)) return { source: "folder", ...files };
  const near = ["synthetic", ...PUBLISHED_DATA].filter((name) => distance(name, what.toLowerCase()) <= 3);
  throw new FileError(what, "there is no such folder or file", {
    hint:
      near.length > 0
        ? `Did you mean ${near.join(" or ")}?`
        : `Sets by name are synthetic, ${PUBLISHED_DATA.join(", ")}.`,
  });
}

function idxName(path: string): "mnist" | "fashion_mnist" | undefined {
  const folder = idxFolderIn(path);
  if (folder === undefined) return undefined;
  return /fashion/i.test(resolve(folder)) ? "fashion_mnist" : "mnist";
}
