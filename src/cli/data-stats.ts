import type { Command } from "commander";
import { type Dataset, type DatasetStatistics, datasetStatistics, type OpenedData, PARTS } from "../data/index.js";
import { count, percent, printable, table } from "../report/index.js";
import { addDataOptions, type DataOptions, openSource, sourceHelp } from "./data-options.js";
import { printSkipped } from "./print-skipped.js";
import { progressBar } from "./progress.js";

interface Options extends DataOptions {
  skipUnreadable?: true;
  json?: true;
}

export function registerDataStats(data: Command): void {
  const command = data
    .command("stats")
    .description("Count the images of each class and part; measure sizes, and mean and deviation of the colours.")
    .argument("<source>", sourceHelp)
    .option("--skip-unreadable", "leave out images that cannot be read, and count them, instead of stopping");
  addDataOptions(command)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Sizes and colours are those of the training images; what is printed of the colours is a transform
as --augment of \`fovea train\` takes it from a file.

Examples:
  $ fovea data stats ../nuclei
  $ fovea data stats images.csv --group-by "^(p\\d+)_" --json
  $ fovea data stats cifar10`,
    )
    .action(async (source: string, options: Options) => {
      const onUnreadable = options.skipUnreadable ? "skip" : "stop";
      const opened = await openSource(source, options, onUnreadable);
      const reading = progressBar("reading images");
      const statistics = await datasetStatistics(opened.train, {
        onUnreadable,
        onProgress: reading.update,
      }).finally(reading.stop);
      const skipped = [...opened.problems, ...statistics.problems];
      printSkipped(skipped);
      const sets = PARTS.flatMap((part) => (opened[part] ? [{ part, set: opened[part] }] : []));
      console.log(options.json ? json(source, sets, statistics, skipped) : text(sets, statistics));
    });
}

type Part = { readonly part: (typeof PARTS)[number]; readonly set: Dataset };

function json(
  source: string,
  sets: readonly Part[],
  { images, width, height, mean, std }: DatasetStatistics,
  skipped: OpenedData["problems"],
): string {
  const parts = sets.map(({ part, set }) => {
    const counts = set.classCounts();
    const classCounts = Object.fromEntries(set.classes.map((name, label) => [name, counts[label]]));
    return [part, { images: set.size, classCounts, groups: groupsIn(set) }];
  });
  const measured = { images, width, height, mean, std };
  const [first] = sets;
  return JSON.stringify(
    { source, classes: first?.set.classes, parts: Object.fromEntries(parts), train: measured, skipped },
    null,
    2,
  );
}

function text(sets: readonly Part[], { images, width, height, mean, std }: DatasetStatistics): string {
  const classes = sets[0]?.set.classes ?? [];
  const counts = sets.map(({ set }) => set.classCounts());
  const rows = classes.map((name, label) => [
    printable(name),
    ...sets.flatMap(({ set }, i) => {
      const number = counts[i]?.[label] ?? 0;
      return [count(number), percent(number / set.size)];
    }),
  ]);
  const groups = sets.map(({ set }) => groupsIn(set));
  const footer = [
    ["images", ...sets.flatMap(({ set }) => [count(set.size), ""])],
    ...(groups.some((number) => number !== null)
      ? [["groups", ...groups.flatMap((number) => [number === null ? "–" : count(number), ""])]]
      : []),
  ];
  const sides = Object.entries({ width, height }).map(([name, { min, median, max }]) =>
    [name, min, median, max].map((value) => (typeof value === "number" ? count(value) : value)),
  );
  const values = (numbers: readonly number[]) => `[${numbers.map((value) => value.toFixed(5)).join(", ")}]`;
  return [
    table(["class", ...sets.flatMap(({ part }) => [part, ""])], rows, { footer }),
    "",
    table(["pixels", "least", "median", "greatest"], sides),
    "",
    `Colours of the ${count(images)} training images, as a transform:`,
    "",
    "- name: normalize",
    `  mean: ${values(mean)}`,
    `  std: ${values(std)}`,
  ].join("\n");
}

/** How many groups there are, null where images are in none. */
function groupsIn({ groups }: Dataset): number | null {
  return groups ? new Set(groups).size : null;
}
