import type { DownloadOptions } from "../../download/index.js";
import type { Dataset, ImageSet } from "../image-set.js";
import { syntheticNuclei } from "../synthetic-nuclei.js";
import { fetchData, publishedData } from "./catalogue.js";
import { openCifar } from "./cifar.js";
import { openImageFolder } from "./folder.js";
import { openIdx } from "./idx.js";
import { openManifest } from "./manifest.js";
import type { OnUnreadable, OpenedData } from "./opened.js";
import { type DataChoices, dataSpecOf } from "./recognise.js";
import type { DataSpec } from "./spec.js";
import { holdOut } from "./split.js";

export interface OpenOptions extends Pick<DownloadOptions, "onProgress" | "signal"> {
  /** In place of what the specification says. */
  readonly onUnreadable?: OnUnreadable;
}

/**
 * Opens the images that a specification, a name or a path means (see {@link dataSpecOf}). Images of CIFAR and MNIST, and
 * synthetic ones, are in memory at once; of files only the paths are, until somebody decodes them.
 *
 * Where the source has no validation images, a fraction of each class of its training images is held out, the same for
 * the same seed: 45,000 and 5,000 of CIFAR-10 by default.
 *
 * @param options.onProgress called while a set is downloaded, with bytes
 * @throws FileError, ArgumentError, DownloadError that say what is missing or wrong
 */
export async function openDataset(
  what: string | DataSpec,
  options: OpenOptions & DataChoices = {},
): Promise<OpenedData<Dataset>> {
  const { onProgress, signal, onUnreadable, ...choices } = options;
  const spec = typeof what === "string" ? dataSpecOf(what, choices) : what;
  switch (spec.source) {
    case "synthetic": {
      const { train, validation, size, seed } = spec;
      return {
        train: syntheticNuclei({ count: train, size, seed }),
        validation: syntheticNuclei({ count: validation, size, seed, start: train }),
        problems: [],
      };
    }
    case "folder":
    case "csv": {
      const { path, validationFraction, splitSeed: seed, groupBy } = spec;
      const open = spec.source === "csv" ? openManifest : openImageFolder;
      return open(path, { validationFraction, seed, groupBy, onUnreadable: onUnreadable ?? spec.onUnreadable });
    }
    case "cifar10":
    case "cifar100": {
      const path = spec.path ?? (await fetchData(publishedData(spec.source), { onProgress, signal }));
      const labels = spec.source === "cifar100" ? spec.labels : undefined;
      return divided((part) => openCifar(path, spec.source, part, { labels }), spec);
    }
    case "mnist":
    case "fashion_mnist": {
      const path = spec.path ?? (await fetchData(publishedData(spec.source), { onProgress, signal }));
      return divided((part) => openIdx(path, spec.source, part), spec);
    }
    default:
      return spec satisfies never;
  }
}

function divided(
  open: (part: "train" | "test") => ImageSet,
  { validationFraction, splitSeed }: { validationFraction: number; splitSeed: number },
): OpenedData<ImageSet> {
  const given = open("train");
  const validation = given.name.replace(/train$/, "validation");
  const parts = holdOut(given, validationFraction, splitSeed, { train: given.name, validation });
  return { ...parts, test: open("test"), problems: [] };
}
