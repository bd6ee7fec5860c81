#!/usr/bin/env node
/**
 * A step of training, in images a second: forward, cross-entropy, backward, SGD with momentum. Fovea against PyTorch, the same
 * networks and batches, images contiguous and channels last. Required: at least PyTorch's throughput.
 */
import { contenders, contest } from "./lib/contest.mjs";
import { figures, median, ratio, showFigures } from "./lib/figures.mjs";
import { count, readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const networks = {
  nuclei_basic: { batch: 64, size: 90, classes: 3 },
  cifar_resnet20: { batch: 128, size: 32, classes: 10 },
};
const formats = ["contiguous", "channelsLast"];
const learning = { learningRate: 0.05, momentum: 0.9 };

const options = readOptions({
  steps: { type: "string", default: "8" },
  warmup: { type: "string", default: "3" },
  network: { type: "string", default: Object.keys(networks).join(",") },
  format: { type: "string", default: formats.join(",") },
});
const steps = count("steps", options.steps);
const warmup = count("warmup", options.warmup);
if (options.measure) await measure();
else await compare();

/** Images a second of one network in one memory format: the median of the steps. */
async function measure() {
  const torch = await import("fovea/torch");
  const { createModel } = await import("fovea/models");
  const { SGD } = await import("fovea/optim");
  torch.setThreads(options.threads);
  const { batch, size, classes } = networks[options.network];
  const network = createModel(options.network);
  network.loadStateDict(inFormat(createModel(options.network).materialize(torch.device(), 1)));
  const optimizer = new SGD(network.parameters(), learning);
  torch.manualSeed(1);
  const x = torch.randn([batch, 3, size, size]).contiguous(options.format);
  const labels = torch.tensor(BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % classes)));

  const seconds = [];
  for (let step = -warmup; step < steps; step++) {
    const start = performance.now();
    optimizer.zeroGrad();
    torch.scope(() => network.forward(x).crossEntropy(labels).backward());
    optimizer.step();
    if (step >= 0) seconds.push((performance.now() - start) / 1000);
  }
  const { version, cpuCapability, threads } = torch.engineInfo();
  const results = { [`${options.network}, ${options.format}`]: batch / median(seconds) };
  console.log(JSON.stringify({ version, capability: cpuCapability, threads, results }));
}

/** Weights in the memory format: a module that has none yet takes them as they lie. */
function inFormat(network) {
  const entries = [...network.stateDict()].map(([name, value]) => {
    const weight = value.detach();
    return [name, weight.shape.length === 4 ? weight.contiguous(options.format) : weight];
  });
  return new Map(entries);
}

async function compare() {
  const result = { conditions: { ...conditions(options), steps, warmup, networks }, rows: [], requirements: [] };
  const table = [["images a second, median (least to greatest)", "Fovea", "PyTorch", "ratio"]];
  for (const network of options.network.split(",")) {
    if (!(network in networks)) throw new Error(`--network takes ${Object.keys(networks).join(", ")}, not ${network}`);
    for (const format of options.format.split(",")) {
      if (!formats.includes(format)) throw new Error(`--format takes ${formats.join(", ")}, not ${format}`);
      const { batch, size } = networks[network];
      const own = ["--steps", String(steps), "--warmup", String(warmup), "--network", network, "--format", format];
      const pair = contenders(import.meta.url, options, ...own);
      pair.pytorch.push("--batch", String(batch), "--size", String(size));
      process.stderr.write(`${network}, ${format}\n`);
      const { fovea, pytorch } = await contest(pair, options);
      Object.assign(result.conditions, { fovea: fovea.about, pytorch: pytorch.about });
      const row = `${network}, ${format}`;
      const [ours, theirs] = [fovea.rows[row], pytorch.rows[row]];
      const compared = ratio(ours, theirs);
      result.rows.push({
        network,
        format,
        batch,
        size,
        fovea: figures(ours),
        pytorch: figures(theirs),
        ratio: compared,
      });
      table.push([row, showFigures(figures(ours)), showFigures(figures(theirs)), showFigures(compared)]);
      result.requirements.push({ what: `${row}: at least PyTorch's throughput`, met: compared.median >= 1 });
    }
  }
  printTable(table);
  conclude("training-step", result, options);
}
