import type { Command } from "commander";
import { type Dataset, type OpenedData, openDataset } from "../data/index.js";
import { properFraction, wholeNumber } from "./arguments.js";
import { downloadBar } from "./progress.js";

/** The options of commands that look at images. */
export interface DataOptions {
  validationFraction?: number;
  groupBy?: string;
  seed: number;
}

/** What such a command takes in place of `<source>`, for its help. */
export const sourceHelp = "a folder, a CSV file, synthetic, or a published set such as cifar10";

/** @param seed what it decides, for the help */
export function addDataOptions(command: Command, seed = "decides what is held out"): Command {
  return command
    .option(
      "--validation-fraction <share>",
      "held out of each class where there are no validation images (default: 0.2; of CIFAR and MNIST 0.1)",
      properFraction,
    )
    .option("--group-by <regex>", "takes from a file's name what must stay together, such as ^(p\\d+)_ the patient")
    .option("--seed <n>", seed, wholeNumber(0), 0);
}

/** Opens what the user named, with a bar while something is downloaded. @throws as {@link openDataset} */
export async function openSource(
  source: string,
  { validationFraction, groupBy, seed }: DataOptions,
  onUnreadable: "stop" | "skip",
): Promise<OpenedData<Dataset>> {
  const downloading = downloadBar();
  const seeded = source === "synthetic" ? { synthetic: { seed } } : { splitSeed: seed };
  return openDataset(source, {
    validationFraction,
    groupBy,
    onUnreadable,
    onProgress: downloading.update,
    ...seeded,
  }).finally(downloading.stop);
}
