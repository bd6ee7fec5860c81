import { extname } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  augmentedSamples,
  type Dataset,
  dataSpecOf,
  describeOps,
  findPreset,
  imageOf,
  PARTS,
  type PartName,
  type Transform,
  UNLABELLED,
} from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import { Random } from "../random.js";
import { type GridRow, printable, writeImageGrid } from "../report/index.js";
import { resolveTransforms } from "../train/index.js";
import { wholeNumber } from "./arguments.js";
import { addDataOptions, type DataOptions, openSource, sourceHelp } from "./data-options.js";
import { augmentationOf, measureColours, presetFor } from "./train-transforms.js";

interface Options extends DataOptions {
  output: string;
  part: PartName;
  samples: number;
  augmented: number;
  augment?: string;
  size?: number;
  skipUnreadable?: true;
}

export function registerDataGrid(data: Command): void {
  const command = data
    .command("grid")
    .description("Draw some images, and beside each what training sees of it, epoch by epoch.")
    .argument("<source>", sourceHelp)
    .option("--output <file>", "the picture, .png", pngFile, "grid.png")
    .addOption(new Option("--part <part>", "which images").choices(PARTS).default("train"))
    .option("--samples <n>", "how many images, chosen at random by the seed", wholeNumber(1), 12)
    .option("--augmented <n>", "of how many epochs; 0: the images alone", wholeNumber(0), 3)
    .option(
      "--augment <preset|file>",
      "nuclei, cifar10, imagenet, or a YAML file with a list of transforms (default: what suits the data)",
    )
    .option("--size <pixels>", "height and width that images are resized to (default: the preset's)", wholeNumber(1))
    .option("--skip-unreadable", "pass over images that cannot be read, instead of stopping");
  addDataOptions(command, "decides which images are shown, what is held out, and what is done to them")
    .addHelpText(
      "after",
      `
What was drawn for each image is written beneath it. It is what \`fovea train\` with the same data,
seed, --augment and --size makes of the image in that epoch.

Examples:
  $ fovea data grid ../nuclei --output grid.png
  $ fovea data grid cifar10 --samples 20 --augmented 5
  $ fovea data grid photos --augment transforms.yaml --size 224`,
    )
    .action(async (source: string, options: Options) => {
      const opened = await openSource(source, options, options.skipUnreadable ? "skip" : "stop");
      const set = opened[options.part];
      if (set === undefined) throw new ArgumentError(`${source} has no ${options.part} images`);
      const chosen = await chooseImages(set, options);
      const transforms = await transformsOf(source, opened.train, options);
      const rows = await gridRows(set, chosen, transforms, options);
      await writeImageGrid(options.output, rows);
      console.log(`The picture is in ${printable(options.output)}`);
    });
}

/** Images in an order of the seed's, the first that can be read. @throws FileError for one that cannot, unless it is passed over */
async function chooseImages(set: Dataset, { seed, samples, skipUnreadable }: Options): Promise<number[]> {
  const chosen: number[] = [];
  for (const index of new Random(seed, "grid").permutation(set.size)) {
    if (chosen.length === samples) break;
    try {
      await imageOf(set, index);
      chosen.push(index);
    } catch (error) {
      if (!(error instanceof FileError && skipUnreadable)) throw error;
    }
  }
  if (chosen.length === 0) throw new ArgumentError(`${set.name}: none of the images could be read`);
  return chosen;
}

/** As `fovea train` chooses them. */
async function transformsOf(source: string, train: Dataset, options: Options): Promise<Transform[]> {
  const fallback = presetFor(dataSpecOf(source).source);
  const augmentation = augmentationOf(options.augment) ?? fallback;
  const size = options.size ?? findPreset(typeof augmentation === "string" ? augmentation : fallback).size;
  // Shown are pixels as they were before they were normalised. But what is erased is filled with normalised values.
  const any = async () => ({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }) as const;
  const { train: transforms } = await resolveTransforms(augmentation, size, any);
  if (!transforms.some(({ name }) => name === "randomErasing")) return transforms;
  const measured = () => measureColours(train, options.skipUnreadable ? "skip" : "stop");
  return (await resolveTransforms(augmentation, size, measured)).train;
}

async function gridRows(
  set: Dataset,
  chosen: readonly number[],
  transforms: readonly Transform[],
  { seed, augmented }: Options,
): Promise<GridRow[]> {
  const samples = await augmentedSamples(set, chosen, { transforms, seed, epochs: augmented });
  return samples.map(({ index, original, versions }) => ({
    label: set.classes[set.labels[index] ?? UNLABELLED] ?? "",
    name: set.names[index] ?? "",
    cells: [
      { ...original, title: `original, ${original.width}x${original.height}` },
      ...versions.map(({ image, ops }, epoch) => ({
        ...image,
        title: `epoch ${epoch + 1}`,
        changes: describeOps(ops.filter(({ op }) => op !== "normalize")),
      })),
    ],
  }));
}

function pngFile(path: string): string {
  if (extname(path).toLowerCase() === ".png") return path;
  throw new InvalidArgumentError("It must end in .png.");
}
