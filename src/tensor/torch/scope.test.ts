import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ArgumentError } from "../../errors.js";
import { EngineError, grad, memory, ones, randn, scope, TorchTensor, tensor, zeros } from "./index.js";
import { native } from "./native.js";

let before: { tensors: number; bytes: number; scopes: number };
const counts = () => {
  const { tensors, bytes, scopes } = memory();
  return { tensors, bytes, scopes };
};

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

beforeEach(() => {
  // so that what earlier tests left is not collected in the middle of the next
  collect();
  collect();
  before = counts();
});
afterEach(() => expect(memory().scopes).toBe(0));

describe("scope", () => {
  test("frees what was made in it", () => {
    scope(() => {
      const x = randn([64, 64]);
      x.matmul(x).relu();
      expect(memory().tensors).toBe(before.tensors + 3);
      expect(memory().bytes).toBe(before.bytes + 3 * 64 * 64 * 4);
    });
    expect(counts()).toEqual(before);
  });

  test("keeps what it returns: a tensor, or an array, set, map or object of them", () => {
    const one = scope(() => ones([2]));
    expect([...one.data()]).toEqual([1, 1]);
    const many = scope(() => {
      ones([9]);
      const shared = ones([4]);
      return {
        list: [shared, ones([1])],
        map: new Map([["a", ones([2])]]),
        set: new Set([ones([3])]),
        none: null,
        shared,
      };
    });
    expect(memory().tensors).toBe(before.tensors + 5);
    expect(many.list.map((x) => x.shape[0])).toEqual([4, 1]);
    for (const x of [one, ...many.list, ...many.map.values(), ...many.set]) x.dispose();
    expect(counts()).toEqual(before);
  });

  test("of a result that refers to itself, or to tensors that are gone, is not misled", () => {
    interface Loop {
      self?: Loop;
      x: TorchTensor;
    }
    const loop = scope(() => {
      const result: Loop = { x: ones([2]) };
      result.self = result;
      return result;
    });
    expect(loop.x.alive).toBe(true);
    loop.x.dispose();
    const gone = scope(() => {
      const x = ones([2]);
      x.dispose();
      return x;
    });
    expect(gone.alive).toBe(false);
    expect(counts()).toEqual(before);
  });

  test("nests: what the inner returns belongs to the outer", () => {
    scope(() => {
      const inner = scope(() => {
        zeros([3]);
        return ones([2]);
      });
      expect(memory().tensors).toBe(before.tensors + 1);
      const outer = ones([5]);
      // one of the outer scope that the inner returns stays the outer's
      expect(scope(() => outer)).toBe(outer);
      scope(() => {
        scope(() => [outer, inner]);
        expect(outer.alive && inner.alive).toBe(true);
      });
      expect(outer.alive && inner.alive).toBe(true);
    });
    expect(counts()).toEqual(before);
  });

  test("of a body that throws frees as well, and throws on", () => {
    expect(() =>
      scope(() => {
        randn([4]);
        scope(() => {
          randn([4]).add(randn([5]));
        });
      }),
    ).toThrow(EngineError);
    expect(counts()).toEqual(before);
  });

  test("of an asynchronous body is refused; what that throws later ends no process", async () => {
    expect(() =>
      scope(async () => {
        const x = ones([2]);
        await Promise.resolve();
        x.add(1);
      }),
    ).toThrow(ArgumentError);
    expect(counts()).toEqual(before);
    await new Promise((resolve) => setImmediate(resolve));
  });

  test("keep takes a tensor out of every scope", () => {
    const kept = scope(() => scope(() => ({ id: ones([2]).keep().id, other: 1 })));
    expect(memory().tensors).toBe(before.tensors + 1);
    native().dispose(kept.id);
    const x = ones([2]);
    expect(x.keep()).toBe(x);
    x.dispose();
    expect(() => x.keep()).toThrow(/keep: the tensor was disposed/);
    expect(counts()).toEqual(before);
  });

  test("leaves gradients of leaves alone", () => {
    const w = ones([64, 64]);
    w.requiresGrad = true;
    scope(() => {
      const loss = randn([8, 64]).matmul(w).sum();
      if (loss instanceof TorchTensor) loss.backward();
    });
    expect(w.grad?.shape).toEqual([64, 64]);
    scope(() => {
      const y = w.mul(w).sum();
      if (y instanceof TorchTensor) expect(grad([y], [w])[0]?.shape).toEqual([64, 64]);
    });
    expect(memory().tensors).toBe(before.tensors + 2);
    w.grad?.dispose();
    w.dispose();
  });

  test("cannot be ended without having begun", () => {
    expect(() => native().exitScope([])).toThrow("exitScope: no scope is open");
  });
});

describe("dispose", () => {
  test("frees at once, twice does nothing, use names what was used", () => {
    const x = randn([64, 64]);
    x.dispose();
    x.dispose();
    expect(x.alive).toBe(false);
    expect(counts()).toEqual(before);
    expect(() => x.add(1)).toThrow(
      "aten::add.Scalar: argument 'self': the tensor was disposed, or its scope has ended",
    );
    expect(() => ones([2]).mul(x)).toThrow("fovea::mul: argument 'other': the tensor was disposed");
    expect(() => x.data()).toThrow("dtype: the tensor was disposed");
    expect(() => x.backward()).toThrow("backward: the tensor was disposed");
    expect(() => x.requiresGrad).toThrow(EngineError);
  });

  test("by using", () => {
    {
      using x = randn([64, 64]);
      expect(x.alive).toBe(true);
      expect(memory().tensors).toBe(before.tensors + 1);
    }
    expect(counts()).toEqual(before);
  });

  test("leaves other tensors of the same memory alone", () => {
    const x = randn([64, 64]);
    const view = x.detach();
    expect(memory().bytes).toBe(before.bytes + 64 * 64 * 4);
    x.dispose();
    expect(view.data().length).toBe(64 * 64);
    expect(memory().bytes).toBe(before.bytes + 64 * 64 * 4);
    view.dispose();
    expect(counts()).toEqual(before);
  });

  test("an id that was used again is another tensor's, never this one's", () => {
    const x = ones([2]);
    x.dispose();
    const others = Array.from({ length: 100 }, () => tensor([5]));
    expect(() => x.data()).toThrow(EngineError);
    x.dispose();
    expect(others.every((other) => other.alive)).toBe(true);
    for (const other of others) other.dispose();
  });
});

describe("the garbage collector", () => {
  test("frees small tensors that nothing refers to, and never one that something does", () => {
    const kept: TorchTensor[] = [];
    // one of 257, so that the kept ones stand at every place among those that share a guard
    for (let i = 0; i < 257 * 40; i++) {
      const x = tensor([i]);
      if (i % 257 === 0) kept.push(x);
    }
    collect();
    collect();
    expect(kept.map((x) => x.item())).toEqual(kept.map((_, i) => i * 257));
    for (const x of kept.splice(1)) x.dispose();
    collect();
    collect();
    expect(memory().tensors).toBeLessThan(before.tensors + 2 * 256);
    expect(kept[0]?.item()).toBe(0);
  });
});
