import { expect, it } from "vitest";
import { z } from "zod";
import { trace } from "../graph/index.js";
import type { Tensor } from "../tensor/index.js";
import {
  AdaptiveAvgPool2d,
  ConvNormAct,
  Dropout,
  Flatten,
  Linear,
  MBConv,
  Module,
  Sequential,
  stage,
} from "./index.js";

// This file must import nothing of `tensor/torch`: it shows that networks are built and traced without the engine.

/** The rows of EfficientNet-B7 (Tan and Le 2019): expansion, kernel, stride, width in and out, repeats. */
const rows = [
  [1, 3, 1, 64, 32, 4],
  [6, 3, 2, 32, 48, 7],
  [6, 5, 2, 48, 80, 7],
  [6, 3, 2, 80, 160, 10],
  [6, 5, 1, 160, 224, 10],
  [6, 5, 2, 224, 384, 13],
  [6, 3, 1, 384, 640, 4],
] as const;

class EfficientNetB7 extends Module {
  readonly features = new Sequential(
    new ConvNormAct(3, 64, { stride: 2, activation: "silu" }),
    ...rows.map(([expansion, kernel, stride, into, out, repeats]) =>
      stage(MBConv, repeats, into, out, { expansion, kernel, stride }),
    ),
    new ConvNormAct(640, 2560, { kernel: 1, activation: "silu" }),
  );
  readonly classifier = new Sequential(new Dropout(0.5), new Linear(2560, 1000));
  readonly pool = new Sequential(new AdaptiveAvgPool2d(1), new Flatten());

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.pool.forward(this.features.forward(x)));
  }
}

/** The native libraries that this process has loaded. */
function sharedObjects(): string[] {
  return z.object({ sharedObjects: z.array(z.string()) }).parse(process.report.getReport()).sharedObjects;
}

it("a network of 66 million parameters is built in milliseconds, holds no memory and needs no engine", () => {
  new EfficientNetB7(); // the first run includes the compiler's work
  const before = process.memoryUsage();
  const start = performance.now();
  const network = new EfficientNetB7();
  const milliseconds = performance.now() - start;
  const after = process.memoryUsage();
  expect(milliseconds).toBeLessThan(100);
  expect(after.external - before.external).toBeLessThan(1e6);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1e6);
  // torchvision publishes 66,347,960
  expect(network.parameterCount()).toBe(66_347_960);

  const graph = trace(network, [1, 3, 600, 600]);
  expect(graph.parameters).toBe(66_347_960);
  expect(graph.outputShape).toEqual([1, 1000]);
  // torchvision publishes 37.75 billion
  expect(Math.round(graph.multiplyAdds / 1e7) / 100).toBe(37.75);
  expect(sharedObjects().length).toBeGreaterThan(0);
  expect(sharedObjects().filter((path) => /fovea\.node|libtorch|libc10/.test(path))).toEqual([]);
});
