import { describe, expect, it, vi } from "vitest";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { FileSet, Loader, parsePipeline } from "../data/index.js";
import { BatchNorm2d, Conv2d, Dropout, Module, ReLU, Sequential } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { device, memory } from "../tensor/torch/index.js";
import { measureBatchNorm } from "./batch-norm-statistics.js";

/** Two batch norms, the second of what the first makes of a batch. */
class Norms extends Module {
  readonly net = new Sequential(new BatchNorm2d(3), new ReLU(), new BatchNorm2d(3, { momentum: 0.3 }));

  forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

/** `[channel][values of a batch]` of each batch of `loader`. */
async function channelsOf(loader: Loader): Promise<number[][][]> {
  const batches: number[][][] = [];
  for await (const { images, shape } of loader.epoch(0)) {
    const [, channels = 0, height = 0, width = 0] = shape;
    const area = height * width;
    batches.push(
      Array.from({ length: channels }, (_, c) =>
        [...images].filter((_, i) => Math.floor(i / area) % channels === c).map(Number),
      ),
    );
  }
  return batches;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squares(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0);
}

/** In double precision, by the definition: means over batches of their means and unbiased variances, by channel. */
function expected(batches: readonly (readonly number[][])[]): { means: number[]; variances: number[] } {
  const channels = batches[0]?.length ?? 0;
  const of = (statistic: (values: number[]) => number) =>
    Array.from({ length: channels }, (_, c) => mean(batches.map((batch) => statistic(batch[c] ?? []))));
  return { means: of(mean), variances: of((values) => squares(values) / (values.length - 1)) };
}

function numbers(model: Module, name: string): number[] {
  return Array.from(model.stateDict().get(name)?.data() ?? [], Number);
}

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(actual[i]).toBeCloseTo(value, 5);
}

describe("measureBatchNorm", () => {
  // 25 images in batches of 10: the last has 5, and counts as much as the others.
  const loader = loaderOf(twoColors(25, "statistics"), { sampler: { name: "shuffle" }, seed: 4 });

  it("gives the plain averages over the batches, whatever was there before, layer by layer", async () => {
    const model = new Norms().materialize(device());
    const layers = [...model.modules()].map(([, part]) => part);
    const [first, second] = layers.filter((part) => part instanceof BatchNorm2d);
    for (const seed of [1, 2]) {
      await measureBatchNorm(model, loader, { seed });
      const inputs = await channelsOf(loader);
      const one = expected(inputs);
      expectClose(numbers(model, "net.0.running_mean"), one.means);
      expectClose(numbers(model, "net.0.running_var"), one.variances);
      const between = inputs.map((batch) =>
        batch.map((values) => {
          const deviation = Math.sqrt(squares(values) / values.length + 1e-5);
          return values.map((value) => Math.max(0, (value - mean(values)) / deviation));
        }),
      );
      const two = expected(between);
      expectClose(numbers(model, "net.2.running_mean"), two.means);
      expectClose(numbers(model, "net.2.running_var"), two.variances);
      expect(numbers(model, "net.2.num_batches_tracked")).toEqual([3]);
    }
    expect([first?.momentum, second?.momentum]).toEqual([0.1, 0.3]);
  });

  it("takes as many batches as it is told", async () => {
    const model = new Norms().materialize(device());
    const progress = vi.fn();
    await measureBatchNorm(model, loader, { batches: 2, onBatch: progress });
    const { means } = expected((await channelsOf(loader)).slice(0, 2));
    expectClose(numbers(model, "net.0.running_mean"), means);
    expect(numbers(model, "net.0.num_batches_tracked")).toEqual([2]);
    expect(progress.mock.calls).toEqual([[1], [2]]);
  });

  it("changes nothing but statistics, keeps every module's mode, and leaves no tensors", async () => {
    const model = new TinyNet().materialize(device(), 1);
    model.eval();
    const odd = [...model.modules()].at(-1)?.[1];
    if (odd) odd.training = true;
    const modes = () => [...model.modules()].map(([, { training }]) => training);
    const before = { modes: modes(), weights: numbers(model, "net.0.weight"), factors: numbers(model, "net.1.weight") };
    const { tensors } = memory();
    await measureBatchNorm(model, loaderOf(twoColors(20, "modes")));
    expect(memory().tensors).toBe(tensors);
    expect(before).toEqual({
      modes: modes(),
      weights: numbers(model, "net.0.weight"),
      factors: numbers(model, "net.1.weight"),
    });
    expect(numbers(model, "net.1.num_batches_tracked")).toEqual([2]);
    for (const [, parameter] of model.parameters()) expect(parameter.value.requiresGrad).toBe(true);
  });

  it("drops by the seed and the batch alone, as training does", async () => {
    class Dropped extends Module {
      readonly net = new Sequential(new Conv2d(3, 4, 3), new Dropout(0.5), new BatchNorm2d(4));

      forward(x: Tensor): Tensor {
        return this.net.forward(x);
      }
    }
    const measured = async (seed: number) => {
      const model = new Dropped().materialize(device(), 1).eval();
      await measureBatchNorm(model, loader, { seed });
      return numbers(model, "net.2.running_mean");
    };
    const first = await measured(1);
    expect(await measured(1)).toEqual(first);
    expect(await measured(2)).not.toEqual(first);
  });

  it("leaves a network without running statistics alone", async () => {
    class Without extends Module {
      readonly norm = new BatchNorm2d(3, { trackRunningStats: false });

      forward(): Tensor {
        throw new Error("must not run");
      }
    }
    await measureBatchNorm(new Without().materialize(device()), loader);
  });

  it("puts modes and momenta back after an error and an interruption", async () => {
    const model = new Norms().materialize(device()).eval();
    const controller = new AbortController();
    const stopped = measureBatchNorm(model, loader, {
      signal: controller.signal,
      onBatch: () => controller.abort("enough"),
    });
    await expect(stopped).rejects.toBe("enough");
    expect(model.training).toBe(false);
    expect([...model.modules()].flatMap(([, part]) => (part instanceof BatchNorm2d ? [part.momentum] : []))).toEqual([
      0.1, 0.3,
    ]);

    const files = { name: "files", classes: ["a"], labels: [0], names: ["1"], paths: ["nowhere/1.png"] };
    const transforms = parsePipeline([{ name: "resize", size: [4, 4] }]);
    const unreadable = new Loader(new FileSet(files), { batchSize: 1, transforms, onUnreadable: "skip" });
    await expect(measureBatchNorm(model, unreadable)).rejects.toMatchObject({ code: "FILE" });
    expect(model.training).toBe(false);
  });
});
