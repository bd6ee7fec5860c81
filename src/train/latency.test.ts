import { describe, expect, it } from "vitest";
import { Module } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { memory } from "../tensor/torch/index.js";
import { measureLatency } from "./latency.js";

/** Notes when it runs, and takes some time. */
class Slow extends Module {
  readonly name: string;
  readonly milliseconds: readonly number[];
  readonly log: string[];
  #runs = 0;

  constructor(name: string, milliseconds: readonly number[], log: string[]) {
    super();
    this.name = name;
    this.milliseconds = milliseconds;
    this.log = log;
  }

  forward(x: Tensor): Tensor {
    this.log.push(`${this.name} ${x.shape.join("x")} ${this.training ? "training" : "evaluating"}`);
    const end = performance.now() + (this.milliseconds[this.#runs++] ?? 0);
    while (performance.now() < end);
    return x.relu();
  }
}

describe("measureLatency", () => {
  it("lets networks take turns, and leaves the warm-up out", async () => {
    const log: string[] = [];
    const networks = [
      { model: new Slow("a", [80, 10, 40, 20], log), shape: [2, 3, 4, 5] },
      { model: new Slow("b", [], log), shape: [1, 1, 8, 8] },
    ];
    const before = memory().tensors;
    const done: string[] = [];
    const [a, b] = await measureLatency(networks, {
      repeats: 3,
      warmUp: 1,
      onRun: (count, total) => done.push(`${count}/${total}`),
    });
    expect(log.slice(0, 4)).toEqual([
      "a 2x3x4x5 evaluating",
      "b 1x1x8x8 evaluating",
      "a 2x3x4x5 evaluating",
      "b 1x1x8x8 evaluating",
    ]);
    expect(log).toHaveLength(8);
    expect(done.at(-1)).toBe("8/8");
    // The runs took 10, 40 and 20 ms at least; how much more is the machine's affair.
    expect(a?.fastest).toBeGreaterThanOrEqual(10);
    expect(a?.median).toBeGreaterThanOrEqual(20);
    expect(a?.slowest).toBeGreaterThanOrEqual(40);
    expect(a?.fastest).toBeLessThan(a?.slowest ?? 0);
    expect(b?.median).toBeGreaterThan(0);
    expect(networks.every(({ model }) => model.training)).toBe(true);
    expect(memory().tensors).toBe(before);
  });

  it("wants a run", async () => {
    await expect(measureLatency([], { repeats: 0 })).rejects.toThrow("0 measured runs");
  });
});
