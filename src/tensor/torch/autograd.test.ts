import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../errors.js";
import type { Tensor } from "../tensor.js";
import {
  clearGrads,
  EngineError,
  enableGrad,
  grad,
  inferenceMode,
  noGrad,
  ones,
  randn,
  scope,
  TorchTensor,
  tensor,
  zeros,
} from "./index.js";
import { native } from "./native.js";

function leaf(values: readonly number[]): TorchTensor {
  const x = tensor(values);
  x.requiresGrad = true;
  return x;
}

function computed(x: Tensor): TorchTensor {
  if (!(x instanceof TorchTensor)) throw new Error("not computed");
  return x;
}

const square = (x: TorchTensor) => computed(x.mul(x));
const numbers = (x: TorchTensor | null) => (x === null ? null : Array.from(x.dataAs("float64")));

describe("backward", () => {
  test("adds up in the leaves, until they are cleared", () => {
    const x = leaf([1, 2]);
    expect(x.grad).toBeNull();
    computed(square(x).sum()).backward();
    expect(numbers(x.grad)).toEqual([2, 4]);
    computed(square(x).sum()).backward();
    expect(numbers(x.grad)).toEqual([4, 8]);
    clearGrads([x]);
    expect(x.grad).toBeNull();
  });

  test("of what is no scalar takes weights", () => {
    const x = leaf([1, 2]);
    expect(() => square(x).backward()).toThrow("backward: grad can be implicitly created only for scalar outputs");
    square(x).backward({ gradient: tensor([10, 1]) });
    expect(numbers(x.grad)).toEqual([20, 4]);
    expect(() => square(x).backward({ gradient: ones([3]) })).toThrow(EngineError);
  });

  test("twice through a graph needs retainGraph, and the message says so", () => {
    const x = leaf([3]);
    const y = square(x);
    y.backward();
    expect(() => y.backward()).toThrow(/^backward: .*a second time.*retainGraph: true/);
    const z = square(x);
    z.backward({ retainGraph: true });
    z.backward();
    expect(numbers(x.grad)).toEqual([18]);
  });

  test("goes through the operators that are our own as through libtorch's", () => {
    const images = (height: number) => {
      const x = randn([2, 3, height, height]).contiguous("channelsLast");
      x.requiresGrad = true;
      return x;
    };
    const [x, weight, factors] = [images(6), images(3), images(1)];
    const z = computed(
      x
        .conv2d(weight, null, { padding: 1 })
        .maxPool2d(2)
        .cat([x.avgPool2d(2)], 1)
        .sum(),
    );
    const y = computed(z.add(x.mul(factors).sum()));
    const both = () => grad([y], [x, weight, factors], { retainGraph: true }).map(numbers);
    expect(both()).toEqual(both());
    y.backward();
    expect(() => y.backward()).toThrow(/^backward: .*a second time.*retainGraph: true/);
  });

  test("through hundreds of thousands of operators needs no more stack than through one", () => {
    const x = randn([1, 4, 1, 1]);
    x.requiresGrad = true;
    scope(() => {
      let y: Tensor = x;
      for (let i = 0; i < 200_000; i++) y = y.shift(3);
      expect(numbers(grad([computed(y.sum())], [x])[0] ?? null)).toEqual([1, 1, 1, 1]);
    });
  });

  test("errors of a backward carry no C++ stack", () => {
    const x = leaf([1, 2]);
    const y = x.exp();
    // exp saves its result, which may not change any more
    computed(y).detach().add_(1);
    noGrad(() => computed(y).add_(1));
    let message = "";
    try {
      computed(y.sum()).backward();
    } catch (error) {
      expect(error).toBeInstanceOf(EngineError);
      message = String(error);
    }
    expect(message).toMatch(/modified by an inplace operation/);
    expect(message).not.toMatch(/Exception raised|frame #|\.cpp/);
  });

  test("constants and integers have no gradient", () => {
    expect(() => computed(ones([2]).sum()).backward()).toThrow(/does not require grad/);
    const whole = tensor(Int32Array.of(1));
    expect(() => {
      whole.requiresGrad = true;
    }).toThrow(/floating point/);
    const y = square(leaf([1]));
    expect(y.isLeaf).toBe(false);
    expect(() => {
      y.requiresGrad = false;
    }).toThrow(/leaf/);
  });
});

describe("grad", () => {
  test("gives gradients without touching .grad; null where there is no path", () => {
    const [x, y] = [leaf([1, 2]), leaf([5])];
    const [gx = null, gy = null] = grad([computed(square(x).sum())], [x, y]);
    expect([numbers(gx), numbers(gy)]).toEqual([[2, 4], null]);
    expect(x.grad).toBeNull();
  });

  test("weights outputs, several of them", () => {
    const x = leaf([1, 2]);
    const [gx = null] = grad([square(x), computed(x.exp())], [x], { gradients: [tensor([1, 0]), tensor([0, 1])] });
    expect(numbers(gx)).toEqual([2, expect.closeTo(Math.exp(2), 5)]);
    expect(() => grad([square(x)], [x], { gradients: [ones([2]), ones([2])] })).toThrow(EngineError);
    expect(() => grad([square(x)], [])).toThrow(EngineError);
  });

  test("with createGraph can be differentiated again, and again", () => {
    const x = leaf([2]);
    const y = computed(square(x).mul(x)); // x³
    const [first] = grad([y], [x], { createGraph: true });
    const [second] = grad([first as TorchTensor], [x], { createGraph: true });
    const [third] = grad([second as TorchTensor], [x]);
    expect([first, second, third].map((g) => g?.item())).toEqual([12, 12, 6]);
  });
});

describe("switching it off", () => {
  test("detach shares memory and leaves the graph", () => {
    const x = leaf([1, 2]);
    const y = x.detach();
    expect([y.requiresGrad, x.requiresGrad]).toEqual([false, true]);
    y.add_(1);
    expect(numbers(x)).toEqual([2, 3]);
  });

  test("noGrad, enableGrad within, and back", () => {
    const x = leaf([1]);
    noGrad(() => {
      expect(square(x).requiresGrad).toBe(false);
      enableGrad(() => expect(square(x).requiresGrad).toBe(true));
      expect(square(x).requiresGrad).toBe(false);
    });
    expect(square(x).requiresGrad).toBe(true);
    expect(() =>
      noGrad(() => {
        throw new RangeError("mine");
      }),
    ).toThrow(RangeError);
    expect(square(x).requiresGrad).toBe(true);
  });

  test("inferenceMode's tensors stay out of autograd for ever", () => {
    const x = leaf([1]);
    const y = inferenceMode(() => square(x));
    expect(y.requiresGrad).toBe(false);
    expect(() => x.mul(y)).toThrow(/[Ii]nference tensors cannot be saved for backward/);
    expect(square(x).requiresGrad).toBe(true);
    expect(() =>
      inferenceMode(() => {
        throw new RangeError("mine");
      }),
    ).toThrow(RangeError);
    expect(() => native().exitInferenceMode()).toThrow(/inference mode is not on/);
  });

  test("asynchronous functions are refused; what they throw later ends no process", async () => {
    for (const mode of [noGrad, enableGrad, inferenceMode]) {
      expect(() =>
        mode(async () => {
          await Promise.resolve();
          throw new Error("later");
        }),
      ).toThrow(ArgumentError);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(square(leaf([1])).requiresGrad).toBe(true);
  });
});

describe("grad set by hand", () => {
  test("is what optimisers see", () => {
    const x = leaf([1, 2]);
    x.grad = tensor([3, 4]);
    expect(numbers(x.grad)).toEqual([3, 4]);
    x.grad = null;
    expect(x.grad).toBeNull();
  });

  test("has the shape and the type of its tensor", () => {
    const x = leaf([1, 2]);
    const set = (gradient: TorchTensor) => () => {
      x.grad = gradient;
    };
    expect(set(zeros([3]))).toThrow("setGrad: a gradient has the shape of its tensor");
    expect(set(zeros([2], { dtype: "float64" }))).toThrow("a gradient has the dtype of its tensor");
    expect(set(x)).toThrow(/its own gradient/);
    expect(x.grad).toBeNull();
  });
});
