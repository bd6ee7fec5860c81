import { statSync } from "node:fs";
import { type Command, Option } from "commander";
import { Loader, type SkippedImage } from "../data/index.js";
import { bytes, count, printable } from "../report/index.js";
import {
  CHECKPOINTS,
  type Checkpoint,
  evaluationLoader,
  loadData,
  measureBatchNorm,
  Run,
  requireDevice,
} from "../train/index.js";
import {
  type AveragedWeights,
  averageWeights,
  engineTensors,
  requireWritable,
  saveWeights,
  writeTensors,
} from "../weights/index.js";
import { printSkipped } from "./print-skipped.js";
import { downloadBar, progressBar } from "./progress.js";
import { requireOther } from "./require-other.js";
import { isRun, withWeights } from "./run-networks.js";

interface Options {
  output: string;
  weights: Checkpoint;
  calibrate?: true;
  device: string;
  json?: true;
}

export function registerAverage(program: Command): void {
  const command = program
    .command("average")
    .description("Average the weights of several trainings of one network.")
    .argument("<sources...>", "folders of runs, or files of weights: .safetensors, .pt, .pth, .ckpt")
    .requiredOption("--output <file>", "the file to write: .safetensors, .pt or .pth")
    .addOption(new Option("--weights <which>", "of a run").choices(CHECKPOINTS).default("best"))
    .option("--calibrate", "measure the batch norms' statistics anew, on the training images of the first, a run")
    .option("--device <name>", "for --calibrate: cpu, or a GPU as cuda:0", "cpu")
    .option("--json", "print JSON");
  command
    .addHelpText(
      "after",
      `
Averaging helps where the weights lie close to each other: epochs of one training, or trainings
that began with the same pretrained weights. Between networks that began at random it gives
something that tells nothing apart; measure those as an ensemble (fovea evaluate RUN RUN).

The running statistics of batch norms are averaged too. They are not those of the averaged
network: --calibrate measures these, as SWA does.

Examples:
  $ fovea average runs/first runs/second --output average.safetensors --calibrate
  $ fovea evaluate runs/first --weights average.safetensors
  $ fovea average epoch8.pt epoch9.pt epoch10.pt --output average.pt`,
    )
    .action(async (sources: string[], options: Options) => {
      const { output, calibrate, json } = options;
      const [first = ""] = sources;
      if (sources.length < 2) command.error("error: name at least two runs or files to average");
      if (calibrate && !isRun(first)) {
        command.error("error: --calibrate takes the training images of the first source, which must be a run's folder");
      }
      requireWritable(output);
      const inputs = sources.map((source) => weightsPath(source, options.weights));
      for (const input of inputs) requireOther(input, output);
      using average = averageWeights(inputs);
      const { tensors, metadata } = average;
      if (calibrate) await writeCalibrated(Run.open(first), average, options);
      else writeTensors(output, tensors, metadata);

      const size = statSync(output).size;
      if (json) {
        const facts = { inputs, output, tensors: tensors.size, bytes: size, metadata, calibrated: calibrate ?? false };
        console.log(JSON.stringify(facts, null, 2));
        return;
      }
      console.log(`Averaged ${inputs.map(printable).join(", ")}: ${count(tensors.size)} tensors.`);
      if (calibrate) console.log(`Measured its batch norms on the training images of ${printable(first)}.`);
      console.log(`Wrote ${printable(output)}: ${bytes(size)}.`);
    });
}

function weightsPath(source: string, which: Checkpoint): string {
  const isFolder = statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isFolder ? Run.open(source).weightsPath(which) : source;
}

async function writeCalibrated(run: Run, { tensors, metadata }: AveragedWeights, options: Options): Promise<void> {
  const { settings } = run;
  const { name: device } = requireDevice(options.device);
  const model = withWeights(run.createModel(), engineTensors(tensors, device), options.output);
  const reading = progressBar("reading images");
  const downloading = downloadBar();
  const progress = { onProgress: reading.update, onDownload: downloading.update };
  const { train, skipped } = await loadData(settings.data, progress).finally(() => {
    downloading.stop();
    reading.stop();
  });
  const all = [...skipped];
  const loader = new Loader(train, {
    ...evaluationLoader(train, settings, { onSkip: (image: SkippedImage) => all.push(image) }).options,
    // As in training: see measureBatchNorm.
    sampler: { name: "shuffle" },
    dropLast: train.size >= settings.batchSize,
  });
  const running = progressBar("measuring");
  const onBatch = (done: number) => running.update(done, loader.batches);
  await measureBatchNorm(model, loader, { device, onBatch }).finally(() => {
    running.stop();
    printSkipped(all);
  });
  saveWeights(options.output, model, metadata);
}
