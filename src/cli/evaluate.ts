import type { Command } from "commander";
import { loadLabelledFolder } from "../data/index.js";
import { confusionTable, count, metricsTable, percent } from "../report/index.js";
import { evaluate, evaluationLoader, loadValidation, Run } from "../train/index.js";
import { printSkipped } from "./print-skipped.js";
import { progressBar } from "./progress.js";
import { addRunOptions, type RunOptions } from "./run-options.js";

export function registerEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .description("Measure a run's network on labelled images: loss, accuracy, each class, confusion matrix.")
    .argument("<run>", "the run's folder")
    .argument(
      "[folder]",
      "a folder per class, or such a validation/ inside (default: the run's own validation images)",
    );
  addRunOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ fovea evaluate runs/nuclei
  $ fovea evaluate runs/nuclei ../nuclei/validation --json`,
    )
    .action(async (folder: string, data: string | undefined, options: RunOptions) => {
      const run = Run.open(folder);
      const { settings } = run;
      const model = run.loadModel(options.weights, options.device);
      const reading = progressBar("reading images");
      const onUnreadable = options.skipUnreadable ? "skip" : undefined;
      const { images, skipped } = await (data === undefined
        ? loadValidation(settings, { onUnreadable, onProgress: reading.update })
        : loadLabelledFolder(data, settings.classes, { size: settings.size, onUnreadable, progress: reading.update })
      ).finally(reading.stop);
      printSkipped(skipped);
      const running = progressBar("evaluating");
      const { loss, matrix } = await evaluate(model, evaluationLoader(images, settings), {
        device: options.device,
        onBatch: (done) => running.update(done, images.size),
      }).finally(running.stop);
      if (options.json) {
        console.log(
          JSON.stringify(
            { run: folder, weights: options.weights, data: data ?? settings.data, loss, ...matrix.toJSON(), skipped },
            null,
            2,
          ),
        );
        return;
      }
      console.log(
        [
          `Images              ${count(images.size)}`,
          `Loss                ${loss.toFixed(4)}`,
          `Accuracy            ${percent(matrix.accuracy)}`,
          `Balanced accuracy   ${percent(matrix.balancedAccuracy)}`,
          "",
          metricsTable(matrix),
          "",
          confusionTable(matrix),
        ].join("\n"),
      );
    });
}
