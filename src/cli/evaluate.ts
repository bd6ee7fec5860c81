import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { SkippedImage } from "../data/index.js";
import { cifar10FolderIn, type ImageSet, Loader, loadCifar10, loadLabelledFolder } from "../data/index.js";
import { FileError } from "../errors.js";
import type { Module } from "../nn/index.js";
import { confusionTable, count, exactPercent, metricsTable, percent } from "../report/index.js";
import { evaluate, evaluationLoader, loadValidation, Run, requireDevice } from "../train/index.js";
import { modelFromCheckpoint } from "../weights/index.js";
import { wholeNumber } from "./arguments.js";
import { printSkipped } from "./print-skipped.js";
import { progressBar } from "./progress.js";
import { addRunOptions, type RunOptions } from "./run-options.js";

interface Options extends RunOptions {
  checkpoint?: string;
  data?: string;
  model?: string;
  batchSize?: number;
}

/** A network, and the images to measure it on. */
interface Subject {
  model: Module;
  loader: Loader;
  skipped: readonly SkippedImage[];
  /** What it is, for `--json`. */
  about: Readonly<Record<string, unknown>>;
}

export function registerEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .description("Measure a network on labelled images: loss, accuracy, each class, confusion matrix.")
    .argument("[run]", "a run's folder; or give --checkpoint and --data")
    .argument(
      "[folder]",
      "a folder per class, or such a test/ or validation/ inside (default: the run's own validation images)",
    )
    .option("--checkpoint <file>", "weights: .safetensors, or PyTorch's .pt, .pth, .ckpt")
    .option("--data <folder>", "for --checkpoint: CIFAR-10's binary folder, or images with a folder per class")
    .option("--model <name>", "for --checkpoint: the network, where the file holds weights alone")
    .option("--batch-size <n>", "for --checkpoint: images at a time (default: 100)", wholeNumber(1));
  addRunOptions(command)
    .addHelpText(
      "after",
      `
A checkpoint's network is rebuilt from what the file tells, and images are normalised as that
network expects. Of the data's folder test/ is taken, else validation/, else the folder itself.

Examples:
  $ fovea evaluate runs/nuclei
  $ fovea evaluate runs/nuclei ../nuclei/validation --json
  $ fovea evaluate --checkpoint ResNet.ckpt --data cifar-10-batches-bin
  $ fovea evaluate --checkpoint weights.pt --model cifar_resnet20 --data photos`,
    )
    .action(async (run: string | undefined, folder: string | undefined, options: Options) => {
      checkUsage(command, run, options);
      const { model, loader, skipped, about } = await (run === undefined
        ? checkpointSubject(options.checkpoint ?? "", options.data ?? "", options)
        : runSubject(run, folder, options));
      printSkipped(skipped);
      const running = progressBar("evaluating");
      const { loss, matrix } = await evaluate(model, loader, {
        device: options.device,
        onBatch: (done) => running.update(done, loader.set.size),
      }).finally(running.stop);
      if (options.json) {
        console.log(JSON.stringify({ ...about, loss, ...matrix.toJSON(), skipped }, null, 2));
        return;
      }
      console.log(
        [
          `Images              ${count(loader.set.size)}`,
          `Loss                ${loss.toFixed(4)}`,
          `Accuracy            ${exactPercent(matrix.accuracy)}`,
          `Balanced accuracy   ${percent(matrix.balancedAccuracy)}`,
          "",
          metricsTable(matrix),
          "",
          confusionTable(matrix),
        ].join("\n"),
      );
    });
}

function checkUsage(command: Command, run: string | undefined, options: Options): void {
  const { checkpoint, data, model, batchSize } = options;
  if (checkpoint === undefined) {
    if (run === undefined)
      command.error("error: missing required argument 'run': name a run's folder, or give --checkpoint and --data");
    if ([data, model, batchSize].some((value) => value !== undefined)) {
      command.error("error: --data, --model and --batch-size belong to --checkpoint");
    }
  } else {
    if (run !== undefined) command.error("error: give either a run's folder or --checkpoint");
    if (command.getOptionValueSource("weights") === "cli") command.error("error: --weights belongs to a run");
    if (data === undefined) command.error("error: --checkpoint needs --data");
  }
}

async function runSubject(folder: string, data: string | undefined, options: Options): Promise<Subject> {
  const run = Run.open(folder);
  const { settings } = run;
  const model = run.loadModel(options.weights, options.device);
  const reading = progressBar("reading images");
  const onUnreadable = options.skipUnreadable ? "skip" : undefined;
  const { images, skipped } = await (data === undefined
    ? loadValidation(settings, { onUnreadable, onProgress: reading.update })
    : loadLabelledFolder(testPartOf(data), settings.classes, {
        size: settings.size,
        onUnreadable,
        progress: reading.update,
      })
  ).finally(reading.stop);
  const about = { run: folder, weights: options.weights, data: data ?? settings.data };
  return { model, loader: evaluationLoader(images, settings), skipped, about };
}

async function checkpointSubject(checkpoint: string, data: string, options: Options): Promise<Subject> {
  const { name: device } = requireDevice(options.device);
  const { model, entry, classes } = modelFromCheckpoint(checkpoint, { model: options.model, device });
  const { normalization, name, inputSize, inChannels } = entry;
  if (inChannels !== 3) {
    throw new FileError(
      checkpoint,
      `is of ${name}, which takes images of ${inChannels} channels; they are read as RGB`,
    );
  }
  if (!normalization) {
    throw new FileError(checkpoint, `is of ${name}, which has no normalisation of its own`, {
      hint: "It is trained with its data's: evaluate the run's folder, which keeps it.",
    });
  }
  const { images, skipped } = await testImages(data, { size: inputSize, classes }, options);
  const loader = new Loader(images, { batchSize: options.batchSize ?? 100, normalization, layout: "nhwc" });
  return { model, loader, skipped, about: { checkpoint, model: name, data } };
}

async function testImages(
  data: string,
  { size, classes }: { size: number; classes: readonly string[] | undefined },
  options: Options,
): Promise<{ images: ImageSet; skipped: readonly SkippedImage[] }> {
  if (cifar10FolderIn(data) !== undefined) {
    const images = loadCifar10(data, "test", { size });
    if (classes && classes.join("\n") !== images.classes.join("\n")) {
      const named = `${images.classes.join(", ")}; the checkpoint's are ${classes.join(", ")}`;
      throw new FileError(data, `is CIFAR-10, whose classes are ${named}`);
    }
    return { images, skipped: [] };
  }
  const reading = progressBar("reading images");
  const onUnreadable = options.skipUnreadable ? "skip" : "stop";
  return loadLabelledFolder(testPartOf(data), classes, { size, onUnreadable, progress: reading.update }).finally(
    reading.stop,
  );
}

/** Images kept for the very end are what tells most; the validation images have chosen the weights. */
function testPartOf(folder: string): string {
  const test = join(folder, "test");
  return existsSync(test) ? test : folder;
}
