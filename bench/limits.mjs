#!/usr/bin/env node
/**
 * How far a step of training is from what the machine allows: the time that its arithmetic takes at the rate of the fastest convolution or
 * matrix product, and that its memory traffic takes at the rate of adding long vectors, beside the time measured in the same run.
 * `lib/limits.mjs` says what counts. Nothing is required.
 */
import { contest } from "./lib/contest.mjs";
import { figures, show, showFigures } from "./lib/figures.mjs";
import { workOf } from "./lib/limits.mjs";
import { readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable, withoutCounts } from "./lib/report.mjs";
import { trainingContenders } from "./lib/training-contenders.mjs";
import { networks } from "./lib/training-summary.mjs";

const options = readOptions({ rounds: { type: "string", default: "3" }, budget: { type: "string", default: "1" } });
if (options.measure) await measureRates();
else await compare();

/** Of this processor with so many threads: billions of operations a second, and of bytes read and written. */
async function measureRates() {
  const torch = await import("fovea/torch");
  torch.setThreads(options.threads);
  torch.setFused(false);
  const best = (run) => {
    let least = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < 12; repeat++) {
      const start = performance.now();
      torch.scope(run);
      least = Math.min(least, performance.now() - start);
    }
    return least / 1000;
  };
  const rates = torch.noGrad(() => {
    const images = torch.randn([16, 256, 28, 28]).contiguous("channelsLast");
    const kernels = torch.randn([256, 256, 3, 3]).contiguous("channelsLast");
    const [a, b] = [torch.randn([2048, 2048]), torch.randn([2048, 2048])];
    const convolution = (2 * 16 * 28 ** 2 * 256 ** 2 * 9) / best(() => images.conv2d(kernels, null, { padding: 1 }));
    const product = (2 * 2048 ** 3) / best(() => a.matmul(b));
    // Half a gigabyte of sums, so that none of it is still in a cache when its turn comes again.
    const pairs = Array.from({ length: 16 }, () => [torch.ones([2 ** 23]), torch.ones([2 ** 23])]);
    const sums = best(() => {
      for (const [sum, addend] of pairs) torch.ops["add_.Tensor"](sum.id, addend.id);
    });
    return {
      gigaflops: Math.max(convolution, product) / 1e9,
      gigabytes: (pairs.length * 3 * 4 * 2 ** 23) / sums / 1e9,
    };
  });
  const { version, cpuCapability, threads } = torch.engineInfo();
  console.log(JSON.stringify({ version, capability: cpuCapability, threads, results: rates }));
}

async function compare() {
  const { createModel } = await import("fovea/models");
  const { trace } = await import("fovea");
  const steps = Object.fromEntries(
    Object.entries(networks).map(([name, about]) => [
      name,
      trainingContenders(["fovea"], { name, ...about }, options).fovea,
    ]),
  );
  const rates = [process.execPath, process.argv[1], "--measure", "rates", "--threads", String(options.threads)];
  const found = await contest({ rates, ...steps }, options);
  const [gigaflops, gigabytes] = ["gigaflops", "gigabytes"].map((row) => figures(found.rates.rows[row]));
  const rows = Object.entries(networks).map(([network, { batch, size }]) => {
    const { operations, bytes } = workOf(trace(createModel(network), [batch, 3, size, size], { training: true }));
    return {
      network,
      arithmetic: operations / gigaflops.greatest / 1e6,
      traffic: bytes / gigabytes.greatest / 1e6,
      milliseconds: figures(found[network].rows.milliseconds),
    };
  });
  printTable([
    ["milliseconds", "arithmetic", "traffic", "measured, median (least to greatest)"],
    ...rows.map(({ network, arithmetic, traffic, milliseconds }) => [
      network,
      show(arithmetic),
      show(traffic),
      showFigures(milliseconds),
    ]),
  ]);
  conclude(
    "limits",
    {
      conditions: {
        ...conditions(options),
        budgetSeconds: Number(options.budget),
        contenders: { fovea: withoutCounts(found.rates.about) },
        gigaflops,
        gigabytes,
      },
      rows,
      requirements: [],
    },
    options,
  );
}
