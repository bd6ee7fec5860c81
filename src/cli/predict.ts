import { type Command, Option } from "commander";
import { openImages, type SkippedImage } from "../data/index.js";
import { FoveaError } from "../errors.js";
import { percent, printable, table } from "../report/index.js";
import { meanPredictions } from "../train/index.js";
import { findPublished } from "../weights/index.js";
import { predictPretrained } from "./predict-pretrained.js";
import { printSkipped } from "./print-skipped.js";
import { isRun, openRuns, predictEach } from "./run-networks.js";
import { addRunOptions, type RunOptions, requireOneRun } from "./run-options.js";

export function registerPredict(program: Command): void {
  const command = program
    .command("predict")
    .description("Tell what a run's network, or a published one, sees in images, with probabilities.")
    .argument("<run>", "the run's folder; several, of which the mean is told; left out with --pretrained")
    .argument("[images...]", "image files, or folders of them")
    .addOption(
      new Option(
        "--pretrained <network[:weights]>",
        "a network with published weights instead of a run; they are downloaded once",
      ).conflicts("weights"),
    );
  addRunOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ fovea predict runs/nuclei nucleus.png
  $ fovea predict runs/nuclei ../nuclei/validation/til --json
  $ fovea predict runs/first runs/second nucleus.png
  $ fovea predict --pretrained resnet50 cat.jpg
  $ fovea predict --pretrained resnet50:IMAGENET1K_V1 photographs --json`,
    )
    .action(async (folder: string, paths: string[], options: RunOptions & { pretrained?: string }) => {
      if (options.pretrained !== undefined) {
        const [network = "", weights] = options.pretrained.split(":");
        return predictPretrained(findPublished(network, weights), [folder, ...paths], options);
      }
      const others = paths.findIndex((path) => !isRun(path));
      if (others < 0) command.error("error: missing required argument 'images'");
      const runs = openRuns([folder, ...paths.slice(0, others)]);
      requireOneRun(command, runs, options);
      const onUnreadable = options.skipUnreadable ? "skip" : "stop";
      const { images, problems } = openImages(paths.slice(others), { onUnreadable });
      const skipped: SkippedImage[] = [...problems];
      if (images.size === 0) {
        printSkipped(skipped);
        throw new FoveaError("FILE", "None of the images could be read.");
      }
      const onSkip = (image: SkippedImage) => skipped.push(image);
      const members = await predictEach(runs, images, { ...options, onUnreadable, onSkip }).finally(() =>
        printSkipped(skipped),
      );
      const { probabilities, indices } = meanPredictions(members);
      const { classes = [] } = members[0] ?? {};
      const predictions = Array.from(indices, (index, i) => {
        const row = [...probabilities.subarray(i * classes.length, (i + 1) * classes.length)];
        const predicted = classes[row.indexOf(Math.max(...row))] ?? "";
        return { path: images.pathOf(index), predicted, row };
      });
      if (options.json) {
        const plain = predictions.map(({ path, predicted, row }) => ({
          path,
          predicted,
          probabilities: Object.fromEntries(classes.map((name, i) => [name, row[i]])),
        }));
        console.log(JSON.stringify(plain, null, 2));
        return;
      }
      const rows = predictions.map(({ path, predicted, row }) => [
        printable(path),
        printable(predicted),
        ...row.map(percent),
      ]);
      console.log(
        table(["Image", "Predicted", ...classes.map(printable)], rows, {
          align: ["left", "left", ...classes.map(() => "right" as const)],
        }),
      );
    });
}
