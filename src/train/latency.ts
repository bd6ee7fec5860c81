import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/index.js";
import type { Shape } from "../tensor/index.js";
import { inferenceMode, rand, scope, synchronize } from "../tensor/torch/index.js";
import { nextTurn } from "./evaluate.js";

/** How long a network takes for a batch, milliseconds. */
export interface Latency {
  median: number;
  fastest: number;
  slowest: number;
}

export interface LatencyOptions {
  /** Where the networks are; default `cpu`. */
  device?: string;
  /** Measured runs of each network; default 20. */
  repeats?: number;
  /** Runs of each before them, which are not measured; default 3. */
  warmUp?: number;
  /** Called after each run with how many are done, and how many there are. */
  onRun?: (done: number, total: number) => void;
}

/**
 * Measures how long networks take, in evaluation mode and without gradients, on random batches in channels-last memory as
 * evaluation uses them. They take turns, one run each, so that whatever else the machine does strikes all alike.
 *
 * @param networks with memory, and the shape of the batch, `[N, C, H, W]`
 * @returns one result for each, in their order
 * @throws ArgumentError when there would be no measured run
 */
export async function measureLatency(
  networks: readonly { readonly model: Module; readonly shape: Shape }[],
  options: LatencyOptions = {},
): Promise<Latency[]> {
  const { device = "cpu", repeats = 20, warmUp = 3, onRun } = options;
  if (!(repeats >= 1)) throw new ArgumentError(`${repeats} measured runs tell nothing`, "Give at least 1.");
  const times = networks.map((): number[] => []);
  const modes = networks.flatMap(({ model }) => [...model.modules()].map(([, part]) => [part, part.training] as const));
  for (const { model } of networks) model.eval();
  try {
    const total = (warmUp + repeats) * networks.length;
    for (let round = -warmUp, done = 0; round < repeats; round++) {
      for (const [i, { model, shape }] of networks.entries()) {
        const time = timeRun(model, shape, device);
        if (round >= 0) times[i]?.push(time);
        onRun?.(++done, total);
        await nextTurn();
      }
    }
  } finally {
    for (const [part, training] of modes) part.training = training;
  }
  return times.map((values) => {
    const sorted = values.sort((a, b) => a - b);
    const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
    const median = middle.reduce((a, b) => a + b, 0) / middle.length;
    return { median, fastest: sorted[0] ?? Number.NaN, slowest: sorted.at(-1) ?? Number.NaN };
  });
}

function timeRun(model: Module, [n = 1, c = 3, h = 1, w = 1]: Shape, device: string): number {
  return inferenceMode(() =>
    scope(() => {
      const images = rand([n, h, w, c], { device }).permute([0, 3, 1, 2]);
      if (device !== "cpu") synchronize();
      const start = performance.now();
      model.forward(images);
      if (device !== "cpu") synchronize();
      return performance.now() - start;
    }),
  );
}
