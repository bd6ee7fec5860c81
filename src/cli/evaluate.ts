import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { SkippedImage } from "../data/index.js";
import { type Dataset, dataSpecOf, Loader, openDataset, openLabelledFolder, parsePipeline } from "../data/index.js";
import { FileError } from "../errors.js";
import type { Module } from "../nn/index.js";
import {
  confusionTable,
  count,
  exactPercent,
  metricsTable,
  percent,
  printable,
  reliabilityChart,
} from "../report/index.js";
import {
  type ClassificationReport,
  classificationReport,
  evaluate,
  evaluationLoader,
  loadValidation,
  Run,
  requireDevice,
} from "../train/index.js";
import { modelFromCheckpoint } from "../weights/index.js";
import { wholeNumber } from "./arguments.js";
import { chartFile, writeChartFile } from "./chart-file.js";
import { printSkipped } from "./print-skipped.js";
import { downloadBar, progressBar } from "./progress.js";
import { addRunOptions, type RunOptions } from "./run-options.js";

interface Options extends RunOptions {
  checkpoint?: string;
  data?: string;
  model?: string;
  batchSize?: number;
  calibration?: string;
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
    .description("Measure a network on labelled images: loss, accuracy, calibration, each class, confusion.")
    .argument("[run]", "a run's folder; or give --checkpoint and --data")
    .argument(
      "[folder]",
      "a folder per class, such a test/ or validation/ inside, or another source of images (default: the run's own validation images)",
    )
    .option("--checkpoint <file>", "weights: .safetensors, or PyTorch's .pt, .pth, .ckpt")
    .option("--data <source>", "for --checkpoint: the same")
    .option("--model <name>", "for --checkpoint: the network, where the file holds weights alone")
    .option("--batch-size <n>", "for --checkpoint: images at a time (default: 100)", wholeNumber(1))
    .option("--calibration <file>", "draw a reliability diagram too, .svg or .png", chartFile);
  addRunOptions(command)
    .addHelpText(
      "after",
      `
A checkpoint's network is rebuilt from what the file tells, and images are normalised as that
network expects. Of the data's folder test/ is taken, else validation/, else the folder itself.

Examples:
  $ fovea evaluate runs/nuclei
  $ fovea evaluate runs/nuclei ../nuclei/validation --json
  $ fovea evaluate runs/nuclei --calibration reliability.svg
  $ fovea evaluate --checkpoint ResNet.ckpt --data cifar-10-batches-bin
  $ fovea evaluate --checkpoint weights.pt --model cifar_resnet20 --data photos`,
    )
    .action(async (run: string | undefined, folder: string | undefined, options: Options) => {
      checkUsage(command, run, options);
      const { model, loader, skipped, about } = await (run === undefined
        ? checkpointSubject(options.checkpoint ?? "", options.data ?? "", options)
        : runSubject(run, folder, options));
      const running = progressBar("evaluating");
      const { loss, matrix, probabilities, indices } = await evaluate(model, loader, {
        device: options.device,
        onBatch: (done) => running.update(done, loader.set.size),
      }).finally(() => {
        running.stop();
        printSkipped(skipped);
      });
      const labels = Int32Array.from(indices, (index) => loader.set.labels[index] as number);
      const report = classificationReport(matrix, probabilities, labels);
      if (options.calibration !== undefined) {
        await writeChartFile(options.calibration, reliabilityChart(report.calibration));
      }
      if (options.json) {
        console.log(JSON.stringify({ ...about, loss, ...report, skipped }, null, 2));
        return;
      }
      console.log(
        [
          `Images              ${count(indices.length)}`,
          `Loss                ${loss.toFixed(4)}`,
          `Accuracy            ${exactPercent(matrix.accuracy)}`,
          `Balanced accuracy   ${percent(matrix.balancedAccuracy)}`,
          ...(report.top5Accuracy === null ? [] : [`Top-5 accuracy      ${exactPercent(report.top5Accuracy)}`]),
          `ROC-AUC, macro      ${rocAucText(report)}`,
          `Calibration (ECE)   ${exactPercent(report.calibration.expectedError)}`,
          "",
          metricsTable(matrix),
          "",
          confusionTable(matrix),
          ...(options.calibration === undefined
            ? []
            : ["", `The reliability diagram is in ${printable(options.calibration)}`]),
        ].join("\n"),
      );
    });
}

/** The mean, and of how many classes it is where some have no value. */
function rocAucText({ macro, perClass }: ClassificationReport): string {
  if (Number.isNaN(macro.rocAuc)) return "–";
  const defined = perClass.filter(({ rocAuc }) => !Number.isNaN(rocAuc)).length;
  const text = macro.rocAuc.toFixed(4);
  return defined === perClass.length ? text : `${text} (of the ${count(defined)} classes that occur)`;
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
  const onUnreadable = options.skipUnreadable ? "skip" : undefined;
  const about = { run: folder, weights: options.weights, data: data ?? settings.data };
  if (data === undefined) {
    const reading = progressBar("reading images");
    const downloading = downloadBar();
    const progress = { onProgress: reading.update, onDownload: downloading.update };
    const own = await loadValidation(settings, { onUnreadable, ...progress }).finally(() => {
      downloading.stop();
      reading.stop();
    });
    const skipped = [...own.skipped];
    const onSkip = (image: SkippedImage) => skipped.push(image);
    return { model, loader: evaluationLoader(own.images, settings, { onUnreadable, onSkip }), skipped, about };
  }
  const { images, skipped } = await testImages(data, settings.classes, options);
  const loader = evaluationLoader(images, settings, { onUnreadable, onSkip: (image) => skipped.push(image) });
  return { model, loader, skipped, about };
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
  const { images, skipped } = await testImages(data, classes, options);
  const loader = new Loader(images, {
    batchSize: options.batchSize ?? 100,
    transforms: parsePipeline([
      { name: "resize", size: [inputSize, inputSize], interpolation: "bicubic" },
      { name: "normalize", ...normalization },
    ]),
    layout: "nhwc",
    onUnreadable: options.skipUnreadable ? "skip" : "stop",
    onSkip: (image) => skipped.push(image),
  });
  return { model, loader, skipped, about: { checkpoint, model: name, data } };
}
/**
 * The images that tell most: those kept for the very end, since the validation images have chosen the weights.
 *
 * @throws FileError when their classes are not those of the network
 */
async function testImages(
  data: string,
  classes: readonly string[] | undefined,
  { skipUnreadable }: Options,
): Promise<{ images: Dataset; skipped: SkippedImage[] }> {
  const onUnreadable = skipUnreadable ? "skip" : "stop";
  const spec = dataSpecOf(data, { onUnreadable });
  if (spec.source === "folder") {
    const test = join(data, "test");
    const { images, problems } = openLabelledFolder(existsSync(test) ? test : data, classes, { onUnreadable });
    return { images, skipped: [...problems] };
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
  return { images, skipped: [...problems] };
}
