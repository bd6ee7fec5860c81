#!/usr/bin/env node
/**
 * Resident memory. Required: it grows by less than 5 % from step 100 to step 1,000 of a training, and a loop that allocates 100 GB
 * in tensors, one block of code that never pauses nor disposes of any, stays under 2 GB.
 */
import { contest } from "./lib/contest.mjs";
import { figures, show } from "./lib/figures.mjs";
import { count, readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const options = readOptions({
  rounds: { type: "string", default: "1" },
  steps: { type: "string", default: "1000" },
  batch: { type: "string", default: "16" },
  gigabytes: { type: "string", default: "100" },
});
const steps = count("steps", options.steps);
const batch = count("batch", options.batch);
const gigabytes = count("gigabytes", options.gigabytes);
const MB = 1e6;
/** Sizes of tensors and the share of the bytes that each gets: a kilobyte takes as long as a megabyte to call. */
const sizes = [
  [1e3, 0.005],
  [1e5, 0.095],
  [MB, 0.3],
  [16 * MB, 0.3],
  [64 * MB, 0.3],
];

if (options.measure === "training") await training();
else if (options.measure === "loop") await loop();
else await main();

/** Megabytes resident after a tenth of the steps and after all. */
async function training() {
  const torch = await import("fovea/torch");
  const { createModel } = await import("fovea/models");
  const { SGD } = await import("fovea/optim");
  torch.setThreads(options.threads);
  const network = createModel("nuclei_basic").materialize(torch.device(), 1);
  const optimizer = new SGD(network.parameters(), { learningRate: 0.01, momentum: 0.9 });
  const images = Float32Array.from({ length: batch * 3 * 90 * 90 }, (_, i) => Math.sin(i));
  const labels = BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % 3));
  const results = {};
  for (let step = 1; step <= steps; step++) {
    optimizer.zeroGrad();
    torch.scope(() => {
      const x = torch.tensor(images, [batch, 3, 90, 90]);
      const loss = network.forward(x).crossEntropy(torch.tensor(labels));
      loss.backward();
      loss.item();
    });
    optimizer.step();
    if (step === Math.ceil(steps / 10)) results.early = process.memoryUsage.rss() / MB;
  }
  results.late = process.memoryUsage.rss() / MB;
  results.growth = results.late / results.early - 1;
  print(torch, results);
}

/** The most megabytes that were resident. */
async function loop() {
  const torch = await import("fovea/torch");
  torch.setThreads(options.threads);
  const tensors = sizes.map(([bytes, share]) => [torch.zeros([bytes / 4]), (share * gigabytes * 1e9) / bytes]);
  for (const [x, times] of tensors) {
    for (let i = 0; i < times; i++) x.add(1);
  }
  print(torch, { peak: (process.resourceUsage().maxRSS * 1024) / MB });
}

function print(torch, results) {
  const { version, cpuCapability, threads } = torch.engineInfo();
  console.log(JSON.stringify({ version, capability: cpuCapability, threads, results }));
}

async function main() {
  const own = ["--threads", options.threads, "--steps", steps, "--batch", batch, "--gigabytes", gigabytes].map(String);
  // The first script of the command line is this one, however it was called.
  const child = (part) => [process.execPath, process.argv[1], "--measure", part, ...own];
  const found = await contest({ training: child("training"), loop: child("loop") }, { ...options, retries: 0 });
  const { early, late, growth } = found.training.rows;
  const { peak } = found.loop.rows;
  const result = {
    conditions: { ...conditions(options), steps, batch, gigabytes, fovea: found.training.about },
    rows: [
      { what: "training", early: figures(early), late: figures(late), growth: figures(growth) },
      { what: "loop", peak: figures(peak) },
    ],
    requirements: [
      { what: "resident memory grows by less than 5 % while training", met: Math.max(...growth) < 0.05 },
      { what: `${gigabytes} GB in tensors stay under 2 GB resident`, met: Math.max(...peak) < 2000 },
    ],
  };
  printTable([
    ["megabytes resident", "median"],
    [`nuclei_basic, batch ${batch}, after step ${Math.ceil(steps / 10)}`, show(figures(early).median)],
    [`nuclei_basic, batch ${batch}, after step ${steps}`, show(figures(late).median)],
    ["growth", `${(100 * figures(growth).median).toFixed(2)} %`],
    [`peak of the loop over ${gigabytes} GB`, show(figures(peak).median)],
  ]);
  conclude("memory", result, options);
}
