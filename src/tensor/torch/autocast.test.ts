import { describe, expect, it } from "vitest";
import {
  computed,
  expectClose,
  expectSketch,
  fillScaled,
  readGolden,
  type Sketch,
  waves,
} from "../../../test/support/golden.js";
import { ArgumentError } from "../../errors.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Hardswish,
  Linear,
  ReLU,
  Sequential,
  SiLU,
} from "../../nn/index.js";
import type { Tensor } from "../tensor.js";
import {
  autocast,
  clearGrads,
  EngineError,
  engineInfo,
  inferenceMode,
  memory,
  noGrad,
  ones,
  randn,
  scope,
  TorchTensor,
  tensor,
} from "./index.js";
import { native } from "./native.js";

interface Run {
  dtype: string;
  loss: number;
  gradients: Record<string, Sketch>;
  logits: Sketch;
}

const golden = readGolden<{ runs: Record<"bfloat16" | "float32", Run> }>("autocast").runs;

/** That of `test/golden/autocast.py`. */
function network(): Sequential {
  const made = new Sequential(
    new Conv2d(3, 8, 3, { padding: 1, bias: false }),
    new BatchNorm2d(8),
    new SiLU(),
    new Conv2d(8, 8, 3, { stride: 2, padding: 1, groups: 8 }),
    new Hardswish(),
    new Conv2d(8, 16, 1, { bias: false }),
    new BatchNorm2d(16),
    new ReLU(),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new Linear(16, 5),
  );
  fillScaled(made);
  return made;
}
const labels = () => tensor(BigInt64Array.of(0n, 4n, 2n, 1n));
const images = (salt: number) => waves([4, 3, 9, 9], salt);
const leaves = (module: Sequential) => [...module.parameters()].map(([, parameter]) => TorchTensor.of(parameter));
const cast = <T>(body: () => T): T => autocast("cpu", "bfloat16", body);

/** The second step's loss and gradients, as the script's. */
function train(module: Sequential, mode: <T>(body: () => T) => T): number {
  let value = Number.NaN;
  for (const salt of [1, 2]) {
    clearGrads(leaves(module));
    scope(() => {
      const loss = mode(() => computed(module.forward(images(salt)).crossEntropy(labels(), { labelSmoothing: 0.1 })));
      expect(loss.dtype).toBe("float32");
      loss.backward();
      value = loss.item();
    });
  }
  return value;
}

const sampled = (values: ArrayLike<number>, { every }: Sketch): number[] =>
  Array.from(values).filter((_, i) => i % every === 0);

/** The length of the difference over that of the expected. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const expectedValues = Array.from(expected);
  return Math.hypot(...expectedValues.map((x, i) => x - (actual[i] ?? Number.NaN))) / Math.hypot(...expectedValues);
}

const values = (x: Tensor | null): Float64Array => computed(x).dataAs("float64");

describe("a network's step and its evaluation", () => {
  it("are PyTorch's in float32", () => {
    const module = network();
    expect(train(module, (body) => body())).toBeCloseTo(golden.float32.loss, 5);
    for (const [name, parameter] of module.parameters()) {
      expectSketch(values(TorchTensor.of(parameter).grad), golden.float32.gradients[name] ?? missing(name), 1e-5);
    }
  });

  // On one machine and one libtorch they are the same bits; processors and versions round sums differently.
  it("are PyTorch's under autocast, near those in float32, and their gradients float32", () => {
    const module = network();
    const { bfloat16, float32 } = golden;
    expect(Math.abs(train(module, cast) / bfloat16.loss - 1)).toBeLessThan(1e-3);
    for (const [name, parameter] of module.parameters()) {
      const gradient = TorchTensor.of(parameter).grad;
      expect([name, parameter.dtype, gradient?.dtype]).toEqual([name, "float32", "float32"]);
      const [like, plain] = [bfloat16.gradients[name] ?? missing(name), float32.gradients[name] ?? missing(name)];
      const found = sampled(values(gradient), like);
      expect([name, distance(found, like.values) < 0.05]).toEqual([name, true]);
      expect([name, distance(found, plain.values) < 0.05]).toEqual([name, true]);
      // The 8 bits of bfloat16 do show.
      expect([name, distance(found, plain.values) > 1e-3]).toEqual([name, true]);
    }

    module.eval();
    const forward = () => computed(module.forward(images(3)));
    for (const logits of [
      noGrad(() => cast(forward)),
      cast(() => noGrad(forward)),
      inferenceMode(() => cast(forward)),
      cast(() => inferenceMode(forward)),
      cast(forward),
    ]) {
      expect(logits.dtype).toBe(bfloat16.dtype);
      expect(distance(values(logits), bfloat16.logits.values)).toBeLessThan(0.02);
    }
    expect(distance(values(forward()), float32.logits.values)).toBeLessThan(0.02);
    expect(forward().dtype).toBe("float32");
  });
});

function missing(name: string): never {
  throw new Error(`there are no golden values of ${name}`);
}

const [filters, image] = [() => randn([4, 3, 3, 3]), randn([2, 3, 6, 6])];
const convolve = (weight: TorchTensor) => computed(image.conv2d(weight));

describe("autocast", () => {
  it("computes convolutions and products in bfloat16, and only inside", () => {
    const [convolution, linear] = [new Conv2d(3, 4, 3), new Linear(4, 5)];
    for (const layer of [convolution, linear]) fillScaled(layer);
    const results = () => {
      const features = convolution.forward(image);
      const logits = linear.forward(features.mean([2, 3]));
      return [features, logits, logits.matmul(randn([5, 2]))].map(({ dtype }) => dtype);
    };
    expect(results()).toEqual(["float32", "float32", "float32"]);
    expect(cast(results)).toEqual(["bfloat16", "bfloat16", "bfloat16"]);
    expect(results()).toEqual(["float32", "float32", "float32"]);
    expect([convolution.weight.dtype, linear.weight.dtype]).toEqual(["float32", "float32"]);
    const double = (shape: number[]) => randn(shape, { dtype: "float64" });
    expect(cast(() => double([2, 3]).matmul(double([3, 2])).dtype)).toBe("float64");
  });

  it("computes softmax, losses, group and layer norm of bfloat16 in float32", () => {
    const logits = randn([3, 4], { dtype: "bfloat16" });
    const planes = randn([2, 4, 3, 3], { dtype: "bfloat16" });
    const [target, scale] = [randn([3, 4]), randn([4])];
    const cases: Record<string, [(x: TorchTensor) => Tensor, TorchTensor]> = {
      softmax: [(x) => x.softmax(1), logits],
      logSoftmax: [(x) => x.logSoftmax(1), logits],
      crossEntropy: [(x) => x.crossEntropy(tensor(BigInt64Array.of(1n, 0n, 3n))), logits],
      "crossEntropy with shares": [(x) => x.crossEntropy(target.softmax(1)), logits],
      mseLoss: [(x) => x.mseLoss(target), logits],
      binaryCrossEntropyWithLogits: [(x) => x.binaryCrossEntropyWithLogits(target.sigmoid()), logits],
      groupNorm: [(x) => x.groupNorm(2, scale, null), planes],
      layerNorm: [(x) => x.layerNorm([3], ones([3]), null), planes],
    };
    for (const [name, [run, x]] of Object.entries(cases)) {
      const found = cast(() => computed(run(x)));
      expect([name, found.dtype]).toEqual([name, "float32"]);
      const exact = computed(run(x.to({ dtype: "float32" })));
      expectClose(found.dataAs("float64"), exact.dataAs("float64"), 1e-6);
    }
  });

  it("has a gradient of relu6", () => {
    const x = tensor([-1, 0.5, 7], [3], { dtype: "bfloat16" });
    x.requiresGrad = true;
    const y = cast(() => computed(x.relu6()));
    expect([y.dtype, ...values(y)]).toEqual(["bfloat16", 0, 0.5, 6]);
    computed(y.sum()).backward();
    expect([...values(x.grad)]).toEqual([0, 1, 0]);
  });

  it("leaves a weight its gradient where it was used before while nothing was recorded", () => {
    for (const mode of [noGrad, inferenceMode]) {
      const weight = filters();
      weight.requiresGrad = true;
      const after = cast(() => {
        mode(() => convolve(weight));
        return convolve(weight);
      });
      computed(after.sum()).backward();
      const alone = filters().copy_(weight.detach());
      alone.requiresGrad = true;
      computed(cast(() => convolve(alone)).sum()).backward();
      expect(values(weight.grad)).toEqual(values(alone.grad));
    }
  });

  it("sees a weight that a step has changed, inside and afterwards", () => {
    const weight = filters();
    weight.requiresGrad = true;
    const change = () => noGrad(() => weight.fill_(0));
    const zero = (x: TorchTensor) => x.dataAs("float32").every((value) => value === 0);
    expect(zero(cast(() => convolve(weight)))).toBe(false);
    change();
    expect(zero(cast(() => convolve(weight)))).toBe(true);
    noGrad(() => weight.fill_(1));
    cast(() => {
      expect(zero(convolve(weight))).toBe(false);
      change();
      expect(zero(convolve(weight))).toBe(true);
    });
  });

  it("keeps the casts of weights until the outermost ends", () => {
    const weight = filters();
    weight.requiresGrad = true;
    const first = cast(() => {
      const before = convolve(weight);
      cast(() => convolve(weight));
      // Behind autograd's back: only a new cast would show it.
      weight.detach().fill_(0);
      expect(values(convolve(weight))).toEqual(values(before));
      return before;
    });
    expect(values(cast(() => convolve(weight)))).toEqual(values(first).fill(0));
  });

  it("nests, and puts back what was, after errors too", () => {
    const dtype = () => convolve(filters()).dtype;
    const inner = engineInfo().version.startsWith("1.") ? "bfloat16" : "float16";
    cast(() => {
      expect(autocast("cpu", inner, dtype)).toBe(inner);
      expect(dtype()).toBe("bfloat16");
      expect(() =>
        autocast("cpu", inner, () => {
          throw new RangeError("mine");
        }),
      ).toThrow(RangeError);
      expect(dtype()).toBe("bfloat16");
    });
    expect(() => cast(() => ones([2]).matmul(ones([3])))).toThrow(EngineError);
    expect(dtype()).toBe("float32");
    expect(() => native().exitAutocast()).toThrow("autocast is not on");
  });

  it("refuses devices that there are not, and functions that are async", async () => {
    expect(() => autocast("nothing", "bfloat16", () => 1)).toThrow(EngineError);
    expect(() => autocast("meta", "bfloat16", () => 1)).toThrow(EngineError);
    // @ts-expect-error it halves nothing
    expect(() => autocast("cpu", "float32", () => 1)).toThrow("autocast is to bfloat16 or float16");
    if (engineInfo().version.startsWith("1."))
      expect(() => autocast("cpu", "float16", () => 1)).toThrow(/bfloat16 alone/);
    expect(() => cast(async () => 1)).toThrow(ArgumentError);
    expect(convolve(filters()).dtype).toBe("float32");
  });

  it("leaves no tensors behind", () => {
    const module = network();
    train(module, cast);
    // The garbage collector may take what other tests dropped at any moment.
    const growth = Array.from({ length: 3 }, () => {
      const before = memory().tensors;
      train(module, cast);
      return memory().tensors - before;
    });
    expect(Math.max(...growth)).toBeLessThanOrEqual(0);
  });
});
