import { cpus, freemem } from "node:os";
import { type Command, Option } from "commander";
import { FoveaError } from "../errors.js";
import { type Graph, trace } from "../graph/index.js";
import { createModel, findModel, listModels, type ModelEntry } from "../models/index.js";
import type { Module } from "../nn/index.js";
import {
  bytes,
  type ComparisonRow,
  type ComparisonX,
  type ComparisonY,
  comparisonChart,
  comparisonTable,
  convolutionActivations,
} from "../report/index.js";
import type { Shape } from "../tensor/index.js";
import { device as deviceNamed, engineInfo, setThreads, threads } from "../tensor/torch/index.js";
import { measureLatency, requireDevice } from "../train/index.js";
import { publishedWeights } from "../weights/index.js";
import { wholeNumber } from "./arguments.js";
import { chartFile, writeChartFile } from "./chart-file.js";
import { progressBar } from "./progress.js";

interface Options {
  latency: boolean;
  batchSize: number;
  repeats: number;
  size?: number;
  threads?: number;
  device: string;
  chart?: string;
  x: ComparisonX;
  y?: ComparisonY;
  json?: true;
}

/** A network to compare, and the shape of its batches. */
interface Candidate {
  model: Module;
  shape: Shape;
  row: ComparisonRow;
}

const warmUp = 3;

export function registerCompare(program: Command): void {
  const command = program
    .command("compare")
    .description("Put networks side by side: parameters, multiply-adds, activations, accuracy, measured latency.")
    .argument("<models...>", "names that `fovea models` lists; * stands for anything")
    .option("--size <pixels>", "height and width of the input (default: each network's own)", wholeNumber(1))
    .option("--no-latency", "measure nothing")
    .option("--batch-size <n>", "images in a measured batch", wholeNumber(1), 1)
    .option("--repeats <n>", "measured runs of each network", wholeNumber(1), 20)
    .option("--threads <n>", "threads to compute with (default: the machine's cores)", wholeNumber(1))
    .option("--device <name>", "cpu, or a GPU as cuda:0", "cpu")
    .option("--chart <file>", "draw a chart too, .svg or .png", chartFile)
    .addOption(new Option("--x <what>", "of the chart").choices(["parameters", "multiply-adds"]).default("parameters"))
    .addOption(
      new Option("--y <what>", "of the chart (default: latency where it is measured)").choices(["latency", "accuracy"]),
    )
    .option("--json", "print JSON");
  command
    .addHelpText(
      "after",
      `
Activations are the elements of the results of all convolutions for one image, as in the RegNet
paper. Accuracy is the published one on ImageNet, where there is one for this size. Latency is the
median time of a batch, on random images and with untrained weights; the networks take turns.

Examples:
  $ fovea compare efficientnet_b0 mobilenet_v3_large resnet18
  $ fovea compare "regnet_y_*" --no-latency --chart regnet.svg --x multiply-adds
  $ fovea compare "*resnet*" --size 64 --batch-size 32 --repeats 50 --json`,
    )
    .action(async (names: string[], options: Options) => {
      const y = options.y ?? (options.latency ? "latency" : "accuracy");
      if (y === "latency" && !options.latency) command.error("error: --y latency does not go with --no-latency");
      const candidates = resolve(names).map((entry) => candidate(entry, options));
      const conditions = options.latency ? await measure(candidates, options) : undefined;
      const rows = candidates.map(({ row }) => row);
      if (options.chart !== undefined) {
        const chart = comparisonChart(rows, { x: options.x, y, conditions: conditionsText(conditions) });
        await writeChartFile(options.chart, chart);
      }
      if (options.json) console.log(JSON.stringify({ conditions: conditions ?? null, networks: rows }, null, 2));
      else {
        console.log(comparisonTable(rows));
        if (conditions) console.log(`\nLatency: ${conditionsText(conditions)}`);
        if (options.chart !== undefined) console.log(`\nThe chart is in ${options.chart}`);
      }
    });
}

/** The networks that names and patterns mean, in their order, each once. @throws FoveaError when one means none */
function resolve(names: readonly string[]): ModelEntry[] {
  const found = names.flatMap((name) => {
    if (!name.includes("*")) return [findModel(name)];
    const matching = listModels(name);
    if (matching.length > 0) return matching;
    throw new FoveaError("UNKNOWN_MODEL", `No network's name matches "${name}".`, {
      hint: "`fovea models` lists all.",
    });
  });
  return [...new Set(found)];
}

function candidate(entry: ModelEntry, { size = entry.inputSize, batchSize }: Options): Candidate {
  const { name, family, inChannels } = entry;
  const model = createModel(name);
  const graph = traceNamed(name, model, [1, inChannels, size, size]);
  const { parameters, multiplyAdds, parameterBytes: weightBytes } = graph;
  const activations = convolutionActivations(graph);
  // The default ones come first; some were measured at another size, where the network computes more.
  const published = publishedWeights(name).find((weights) => weights.preprocessing.crop === size);
  const { top1 = null, name: top1Weights = null } = published ?? {};
  const sizes = { parameters, multiplyAdds, activations, weightBytes };
  const row = { name, family, size, ...sizes, top1, top1Weights, latency: null };
  return { model, shape: [batchSize, inChannels, size, size], row };
}

/** @throws FoveaError that names the network where it cannot take the shape */
function traceNamed(name: string, model: Module, shape: Shape): Graph {
  try {
    return trace(model, shape);
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    throw new FoveaError(error.code, `${name}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

/** What a measured time depends on. */
interface Conditions {
  device: string;
  processor: string;
  instructions: string;
  threads: number;
  engine: string;
  batchSize: number;
  repeats: number;
  warmUp: number;
}

/** Measures all, and puts the times into their rows. @throws FoveaError when they do not fit into memory together */
async function measure(candidates: readonly Candidate[], options: Options): Promise<Conditions> {
  const { repeats, batchSize } = options;
  const { name: device } = requireDevice(options.device);
  if (options.threads !== undefined) setThreads(options.threads);
  const needed = candidates.reduce((sum, { row }) => sum + row.weightBytes, 0);
  if (device === "cpu" && needed > 0.8 * freemem()) {
    throw new FoveaError(
      "MEMORY",
      `The weights of ${candidates.length} networks take ${bytes(needed)} together; ${bytes(freemem())} are free.`,
      { hint: "Compare fewer at once, or use --no-latency." },
    );
  }
  const preparing = progressBar("preparing");
  const running = progressBar("measuring");
  try {
    for (const [i, { model }] of candidates.entries()) {
      model.materialize(deviceNamed(device));
      preparing.update(i + 1, candidates.length);
    }
    preparing.stop();
    const times = await measureLatency(candidates, { device, repeats, warmUp, onRun: running.update });
    for (const [i, candidate] of candidates.entries()) candidate.row = { ...candidate.row, latency: times[i] ?? null };
  } finally {
    preparing.stop();
    running.stop();
    for (const { model } of candidates) model.release();
  }
  const { version, cpuCapability } = engineInfo();
  return {
    device,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    instructions: cpuCapability,
    threads: threads(),
    engine: `libtorch ${version}`,
    batchSize,
    repeats,
    warmUp,
  };
}

function conditionsText(conditions: Conditions | undefined): string {
  if (!conditions) return "";
  const { batchSize, repeats, device, processor, instructions, threads: count, engine } = conditions;
  const place =
    device === "cpu" ? `${processor}, ${instructions}, ${count} ${count === 1 ? "thread" : "threads"}` : device;
  return `batch of ${batchSize}, median of ${repeats} runs, float32, ${engine}, ${place}`;
}
