import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Identity, Module, ReLU, Sequential } from "../../nn/index.js";
import type { Tensor } from "../tensor.js";
import { memory, noGrad, ones, randn, resetPeakMemory, scope, TorchTensor } from "./index.js";

/** A module made of a function. */
class Layer extends Module {
  readonly #run: (x: Tensor) => Tensor;

  constructor(run: (x: Tensor) => Tensor) {
    super();
    this.#run = run;
  }

  forward(x: Tensor): Tensor {
    return this.#run(x);
  }
}

let before: number;
beforeEach(() => {
  before = memory().tensors;
});
afterEach(() => expect(memory().scopes).toBe(0));

/** Three tensors, of which two are left behind. */
const residual = () => new Layer((x) => x.relu().mul(2).add(x));

describe("a Sequential in a scope", () => {
  test("leaves its result alone, and computes what it computes outside", () => {
    const network = new Sequential(residual(), new ReLU(), residual(), new Sequential(residual(), residual()));
    const [x, y] = [randn([4, 5]), randn([4, 5])];
    for (const input of [x, y]) input.requiresGrad = true;
    y.detach().copy_(x.detach());
    scope(() => {
      const tensors = memory().tensors;
      const inside = network.forward(x);
      expect(memory().tensors).toBe(tensors + 1);
      const plain = TorchTensor.of(residualsOf(y));
      expect(TorchTensor.of(inside).data()).toEqual(plain.data());
      TorchTensor.of(inside.sum()).backward();
      TorchTensor.of(plain.sum()).backward();
      expect(x.grad?.data()).toEqual(y.grad?.data());
    });
  });

  /** What the network of the test above computes, without a Sequential. */
  function residualsOf(y: Tensor): Tensor {
    const one = (x: Tensor) => x.relu().mul(2).add(x);
    return one(one(one(one(y).relu())));
  }

  test("holds two tensors at a time where nothing is recorded", () => {
    const bytes = 2 ** 20;
    const network = new Sequential(...Array.from({ length: 12 }, () => new ReLU()));
    noGrad(() =>
      scope(() => {
        const x = randn([bytes / 4]);
        resetPeakMemory();
        const { used } = memory();
        network.forward(x);
        expect(memory().peak - used).toBeGreaterThan(bytes);
        expect(memory().peak - used).toBeLessThan(2.2 * bytes);
      }),
    );
  });

  test("frees in the backward pass what that has used", () => {
    const bytes = 2 ** 20;
    const network = new Sequential(...Array.from({ length: 12 }, () => new Layer((x) => x.exp())));
    scope(() => {
      const x = ones([bytes / 4]).mul(-10);
      TorchTensor.of(x).requiresGrad = true;
      const loss = network.forward(x).sum();
      const { used } = memory();
      TorchTensor.of(loss).backward();
      expect(memory().used).toBeLessThan(used - 10 * bytes);
    });
  });

  test("keeps what a part keeps: its input, its result, and what it made", () => {
    const seen: TorchTensor[] = [];
    const tap = new Layer((x) => {
      const twice = TorchTensor.of(x.mul(2)).keep();
      seen.push(TorchTensor.of(x).keep(), twice);
      return twice;
    });
    scope(() => {
      new Sequential(new ReLU(), tap, new ReLU()).forward(ones([3]));
    });
    expect(seen.map((x) => x.alive && [...x.data()])).toEqual([
      [1, 1, 1],
      [2, 2, 2],
    ]);
    expect(memory().tensors).toBe(before + 2);
    for (const x of seen) x.dispose();
  });

  test("keeps its input and what was made outside, though a part returns it", () => {
    scope(() => {
      const [x, constant] = [ones([3]), ones([2])];
      const network = new Sequential(new Identity(), new Layer(() => constant), new ReLU(), new Identity());
      scope(() => network.forward(x));
      expect(network.forward(x).shape).toEqual([2]);
      expect(new Sequential(new Identity(), new Identity()).forward(x)).toBe(x);
      expect(new Sequential().forward(x)).toBe(x);
      expect([x.alive, constant.alive]).toEqual([true, true]);
    });
    expect(memory().tensors).toBe(before);
  });

  test("that throws frees what its parts made, and leaves no scope open", () => {
    const failing = new Layer((x) => x.relu().add(ones([7])));
    expect(() => scope(() => new Sequential(new ReLU(), failing).forward(ones([3])))).toThrow(/aten::add/);
    expect(memory().tensors).toBe(before);
  });
});

test("a Sequential outside every scope leaves all to the garbage collector", () => {
  const seen: Tensor[] = [];
  const tap = new Layer((x) => {
    seen.push(x, x.mul(2));
    return x.mul(3);
  });
  const y = new Sequential(new ReLU(), tap, tap).forward(ones([1]));
  expect([...seen, y].map((x) => TorchTensor.of(x).item())).toEqual([1, 2, 3, 6, 9]);
});
