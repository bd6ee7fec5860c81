#!/usr/bin/env node
/**
 * Accuracy, not speed: the UvA tutorial's ResNet trained by its recipe (`recipes/cifar10-resnet.yaml`) with a shortened schedule, by
 * Fovea and by PyTorch with torchvision's transforms, on the same images with the same settings, over three seeds. Of CIFAR-10's
 * training images `--data` may hold a part; those held out for validation are left out, and after every epoch the test images
 * are classified. Nothing is chosen by them. Required: mean final accuracies within 1 point.
 *
 * Seeds are the same numbers, but not the same random numbers: the two draw weights, orders and crops each by its own generator.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { count, readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const options = readOptions({
  data: { type: "string", default: "cifar10" },
  epochs: { type: "string", default: "12" },
  milestones: { type: "string", default: "7,10" },
  seeds: { type: "string", default: "42,43,44" },
  seed: { type: "string" },
  chart: { type: "string" },
});
const epochs = count("epochs", options.epochs);
const { openDataset } = await import("fovea/data");
const source = { source: "cifar10", path: options.data, validationFraction: 0.1, splitSeed: 42 };
const { train, test } = await openDataset(source);
if (options.measure) await measure();
else await compare();

/** The scores after every epoch of one training. */
async function measure() {
  const { readRecipe, resolveRecipe, Run, trainRun } = await import("fovea/train");
  const { engineInfo, setThreads } = await import("fovea/torch");
  setThreads(options.threads);
  const sets = [
    `seed=${options.seed}`,
    `epochs=${epochs}`,
    `schedule.after=[${options.milestones}]`,
    `data=${JSON.stringify(source)}`,
  ];
  const recipe = readRecipe("cifar10-resnet", { sets });
  const settings = await resolveRecipe(recipe, { classes: train.classes, statistics: () => Promise.reject() });
  const folder = mkdtempSync(join(tmpdir(), "fovea-cifar-"));
  try {
    const { records } = await trainRun(Run.create(join(folder, "run"), settings), {
      train,
      validation: test,
      skipped: [],
    });
    const { version, cpuCapability, threads } = engineInfo();
    const rows = records.map(({ epoch, train: { loss: trainLoss, accuracy: trainAccuracy }, validation, seconds }) => {
      const { loss, accuracy } = validation;
      return { epoch, trainLoss, trainAccuracy, loss, accuracy, seconds };
    });
    console.log(JSON.stringify({ version, capability: cpuCapability, threads, records: rows }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare() {
  const seeds = options.seeds.split(",").map((seed) => count("seeds", seed));
  const folder = mkdtempSync(join(tmpdir(), "fovea-cifar-"));
  const chosen = join(folder, "chosen.json");
  writeFileSync(chosen, JSON.stringify(placesOf(train.names)));
  const script = fileURLToPath(import.meta.url);
  const own = ["--epochs", String(epochs), "--milestones", options.milestones];
  const result = {
    conditions: { ...conditions(options), epochs, milestones: options.milestones },
    runs: [],
    requirements: [],
  };
  try {
    for (const seed of seeds) {
      process.stderr.write(`seed ${seed}\n`);
      const args = [...own, "--seed", String(seed)];
      // Side by side: what is compared is not the time.
      const [fovea, pytorch] = await Promise.all([
        run(process.execPath, [
          script,
          "--measure",
          "fovea",
          "--threads",
          String(options.threads),
          "--data",
          options.data,
          ...args,
        ]),
        run(options.python, [
          ...["-B", script.replace(/\.mjs$/, ".py"), "--batch", "128"],
          ...["--data", binaries(options.data), "--chosen", chosen, ...args],
        ]),
      ]);
      Object.assign(result.conditions, { fovea: fovea.version, pytorch: pytorch.version });
      result.runs.push({ seed, fovea: fovea.records, pytorch: pytorch.records });
      // As they come: all of them take long.
      for (const [name, { records }] of Object.entries({ fovea, pytorch })) {
        process.stderr.write(`${name}: ${records.map(({ accuracy }) => accuracy.toFixed(4)).join(" ")}\n`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  result.conditions.rounds = seeds.length;
  result.conditions.images = { train: train.size, test: test.size };
  report(result);
}

/** Where images stand in the training files, one after the other. */
function placesOf(names) {
  return names.map((name) => {
    const [, file, place] = /^data_batch_(\d)\/(\d+)$/.exec(name);
    return (Number(file) - 1) * 10_000 + Number(place);
  });
}

function binaries(folder) {
  return folder.endsWith("cifar-10-batches-bin") ? folder : join(folder, "cifar-10-batches-bin");
}

async function run(command, args) {
  const env = { ...process.env, OMP_NUM_THREADS: String(options.threads) };
  const { stdout } = await promisify(execFile)(command, args, { env, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

async function report(result) {
  const last = (records) => records.at(-1).accuracy;
  const percent = (share) => `${(100 * share).toFixed(2)} %`;
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const rows = result.runs.map(({ seed, fovea, pytorch }) => [
    String(seed),
    percent(last(fovea)),
    percent(last(pytorch)),
  ]);
  const [ours, theirs] = ["fovea", "pytorch"].map((name) => mean(result.runs.map((one) => last(one[name]))));
  printTable([
    ["seed: accuracy on the test images", "Fovea", "PyTorch"],
    ...rows,
    ["mean", percent(ours), percent(theirs)],
  ]);
  result.requirements.push({
    what: `mean final accuracies within 1 point: ${percent(ours)} and ${percent(theirs)}`,
    met: Math.abs(ours - theirs) <= 0.01,
  });
  if (options.chart) await draw(result, options.chart);
  conclude("cifar10-resnet", result, options);
}

/** Accuracy on the test images over the epochs, a line for each training. */
async function draw({ runs }, path) {
  const { chartConfig, writeChart } = await import("fovea/report");
  const values = runs.flatMap(({ seed, fovea, pytorch }) =>
    [
      ["Fovea", fovea],
      ["PyTorch", pytorch],
    ].flatMap(([name, records]) => records.map(({ epoch, accuracy }) => ({ epoch, accuracy, name, seed }))),
  );
  await writeChart(
    {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description: "Accuracy on CIFAR-10's test images over the epochs, Fovea and PyTorch, three seeds each.",
      config: chartConfig,
      width: 520,
      height: 280,
      data: { values },
      mark: { type: "line", strokeWidth: 1.75 },
      encoding: {
        x: { field: "epoch", type: "quantitative", title: "Epoch", axis: { tickMinStep: 1, grid: false } },
        y: {
          field: "accuracy",
          type: "quantitative",
          title: "Test images classified correctly",
          scale: { zero: false },
          axis: { format: ".0%" },
        },
        color: { field: "name", type: "nominal", title: null },
        detail: { field: "seed" },
      },
    },
    path,
  );
}
