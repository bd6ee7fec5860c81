import type { Command } from "commander";
import { loadImages } from "../data/index.js";
import { FoveaError } from "../errors.js";
import { percent, printable, table } from "../report/index.js";
import { evaluationLoader, predict, Run } from "../train/index.js";
import { printSkipped } from "./print-skipped.js";
import { progressBar } from "./progress.js";
import { addRunOptions, type RunOptions } from "./run-options.js";

export function registerPredict(program: Command): void {
  const command = program
    .command("predict")
    .description("Tell what a run's network sees in images, with the probability of every class.")
    .argument("<run>", "the run's folder")
    .argument("<images...>", "image files, or folders of them");
  addRunOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ fovea predict runs/nuclei nucleus.png
  $ fovea predict runs/nuclei ../nuclei/validation/til --json`,
    )
    .action(async (folder: string, paths: string[], options: RunOptions) => {
      const run = Run.open(folder);
      const { classes, size } = run.settings;
      const model = run.loadModel(options.weights, options.device);
      const reading = progressBar("reading images");
      const { images, skipped } = await loadImages(paths, {
        size,
        onUnreadable: options.skipUnreadable ? "skip" : "stop",
        progress: reading.update,
      }).finally(reading.stop);
      printSkipped(skipped);
      if (images.size === 0) throw new FoveaError("FILE", "None of the images could be read.");
      const running = progressBar("predicting");
      const probabilities = await predict(model, evaluationLoader(images, run.settings), {
        device: options.device,
        onBatch: (done) => running.update(done, images.size),
      }).finally(running.stop);
      const predictions = images.names.map((path, i) => {
        const row = [...probabilities.subarray(i * classes.length, (i + 1) * classes.length)];
        const predicted = classes[row.indexOf(Math.max(...row))] ?? "";
        return { path, predicted, row };
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
