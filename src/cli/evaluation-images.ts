import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  type DataSpec,
  type Dataset,
  dataSpecOf,
  openDataset,
  openLabelledFolder,
  type SkippedImage,
} from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import { loadValidation, type Run } from "../train/index.js";
import { downloadBar, progressBar } from "./progress.js";
import type { RunOptions } from "./run-options.js";

type Reading = Pick<RunOptions, "skipUnreadable">;

interface Images {
  images: Dataset;
  /** Those that were left out so far. */
  skipped: SkippedImage[];
  /** What becomes of those that cannot be decoded. */
  onUnreadable: "stop" | "skip";
}

/**
 * The images to measure runs on, labelled by the classes of the first: those that were named, or its validation images.
 *
 * @throws FileError when the classes are others, or none were named and the runs were not all validated on the same
 */
export async function imagesFor(runs: readonly Run[], data: string | undefined, options: Reading): Promise<Images> {
  const [first, ...others] = runs;
  if (first === undefined) throw new ArgumentError("there are no runs to measure");
  const { settings } = first;
  if (data !== undefined) return testImages(data, settings.classes, options);
  for (const other of others) await requireSameValidation(other, first);
  const reading = progressBar("reading images");
  const downloading = downloadBar();
  const progress = { onProgress: reading.update, onDownload: downloading.update };
  const asTrained = "onUnreadable" in settings.data ? settings.data.onUnreadable : "stop";
  const onUnreadable = options.skipUnreadable ? "skip" : asTrained;
  const { images, skipped } = await loadValidation(settings, { onUnreadable, ...progress }).finally(() => {
    downloading.stop();
    reading.stop();
  });
  return { images, skipped: [...skipped], onUnreadable };
}

/** @throws FileError that tells to name the images */
async function requireSameValidation(run: Run, first: Run): Promise<void> {
  if (isDeepStrictEqual(run.settings.data, first.settings.data)) return;
  const [a, b] = await Promise.all([validationFiles(run.settings.data), validationFiles(first.settings.data)]);
  if (a !== undefined && isDeepStrictEqual(a, b)) return;
  throw new FileError(run.path, `was not validated on the images that ${first.path} was`, {
    hint: "Name images that none was trained on, with --data.",
  });
}

/**
 * The validation files with their classes: where a folder has a part for validation, they are the same whatever seed would have
 * divided it. Undefined where images are no files.
 */
async function validationFiles(data: DataSpec): Promise<string[] | undefined> {
  if (data.source !== "folder" && data.source !== "csv") return undefined;
  const { validation } = await openDataset(data);
  if (validation.kind !== "files") return undefined;
  return validation.paths.map((path, i) => `${path} ${validation.classes[validation.labels[i] ?? 0]}`);
}

/**
 * The images that tell most: those kept for the very end, since the validation images have chosen the weights.
 *
 * @throws FileError when their classes are not those of the network
 */
export async function testImages(
  data: string,
  classes: readonly string[] | undefined,
  { skipUnreadable }: Reading,
): Promise<Images> {
  const onUnreadable = skipUnreadable ? "skip" : "stop";
  const spec = dataSpecOf(data, { onUnreadable });
  if (spec.source === "folder") {
    const test = join(data, "test");
    const { images, problems } = openLabelledFolder(existsSync(test) ? test : data, classes, { onUnreadable });
    return { images, skipped: [...problems], onUnreadable };
  }
  const downloading = downloadBar();
  const opened = await openDataset(spec, { onProgress: downloading.update }).finally(downloading.stop);
  const { test, validation, problems } = opened;
  const images = test ?? validation;
  if (classes && classes.join("\n") !== images.classes.join("\n")) {
    throw new FileError(
      data,
      `has the classes ${images.classes.join(", ")}; those of the network are ${classes.join(", ")}`,
    );
  }
  return { images, skipped: [...problems], onUnreadable };
}
