import { describe, expect, it } from "vitest";
import { computed, expectClose, waves } from "../../test/support/golden.js";
import { trace } from "../graph/index.js";
import { Tensor } from "../tensor/index.js";
import { device, isFused, setFused } from "../tensor/torch/index.js";
import {
  activation,
  activationNames,
  BatchNorm2d,
  Conv2d,
  ConvNormAct,
  Dropout,
  Identity,
  Module,
  ReLU,
  residual,
  Sequential,
  SiLU,
  StochasticDepth,
  sequence,
} from "./index.js";

/** Counts the operations that a network asks of a tensor, by replacing the tensor's methods. */
function operations(network: Module, x = waves([2, 3, 4, 4], 1)): string[] {
  const asked: string[] = [];
  const watch = (tensor: Tensor): Tensor =>
    new Proxy(tensor, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        // It runs others on the tensor that it is called on, which is to be the watched one.
        if (typeof value !== "function" || name === "through") return value;
        return (...inputs: unknown[]) => {
          const result: unknown = value.apply(target, inputs);
          if (!(result instanceof Tensor)) return result;
          asked.push(String(name));
          return watch(result);
        };
      },
    });
  network.forward(watch(x));
  return asked;
}

class Block extends Module {
  readonly conv = new Conv2d(3, 3, 1);
  readonly norm = new BatchNorm2d(3);
  readonly drop: Module;
  readonly act: Module | null;

  constructor(act: Module | null, drop: Module = new StochasticDepth(0.5)) {
    super();
    this.act = act;
    this.drop = drop;
  }

  forward(x: Tensor): Tensor {
    return residual(x, [new Sequential(this.conv, this.norm), this.drop], () => x, this.act);
  }
}

const ready = <T extends Module>(network: T): T => network.materialize(device(), 1);

describe("a batch norm and the activation behind it", () => {
  it("are one operation", () => {
    const network = ready(new Sequential(new BatchNorm2d(3), new ReLU(), new Conv2d(3, 3, 1)));
    expect(operations(network)).toEqual(["batchNormAct", "conv2d"]);
    expect(operations(ready(new ConvNormAct(3, 4)))).toEqual(["conv2d", "batchNormAct"]);
    expect(operations(ready(new Sequential(new BatchNorm2d(3), new Identity())))).toEqual(["batchNormAct"]);
  });

  it("are one where only dropout that is off or the end of a sequence stands between them", () => {
    const inner = new Sequential(new Conv2d(3, 3, 1), new BatchNorm2d(3));
    const network = ready(new Sequential(inner, new Dropout(0.5), new SiLU()));
    expect(operations(network)).toEqual(["conv2d", "batchNorm", "dropout", "silu"]);
    expect(operations(network.eval())).toEqual(["conv2d", "batchNormAct"]);
  });

  it.each(activationNames)("are what they are one by one, with %s", (name) => {
    const before = isFused();
    try {
      for (const training of [true, false]) {
        const build = () => ready(new Sequential(new BatchNorm2d(3), activation(name))).train(training);
        const [together, apart] = [build(), build()];
        const x = waves([2, 3, 4, 5], 1);
        const y = together.forward(x);
        setFused(false);
        const [norm, act] = [...apart.children()].map(([, module]) => module);
        expectClose(
          computed(y).dataAs("float32"),
          computed(act?.forward(norm?.forward(x) ?? x) ?? x).dataAs("float32"),
          1e-5,
        );
        for (const [key, value] of together.stateDict()) {
          expectClose(
            computed(value).dataAs("float32"),
            computed(apart.stateDict().get(key) ?? x).dataAs("float32"),
            1e-5,
          );
        }
      }
    } finally {
      setFused(before);
    }
  });

  it("are two where one has a forward of its own", () => {
    class Softer extends ReLU {
      override forward(x: Tensor): Tensor {
        return x.mul(0.5).relu();
      }
    }
    class Wider extends BatchNorm2d {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    expect(operations(ready(new Sequential(new BatchNorm2d(3), new Softer())))).toEqual(["batchNorm", "mul", "relu"]);
    expect(operations(ready(new Sequential(new Wider(3), new ReLU())))).toEqual(["batchNorm", "mul", "relu"]);
    const act = new ReLU();
    act.forward = (x: Tensor) => x.sigmoid();
    expect(operations(ready(new Sequential(new BatchNorm2d(3), act)))).toEqual(["batchNorm", "sigmoid"]);
    const inner = new Sequential(new BatchNorm2d(3));
    inner.forward = (x: Tensor) => x.tanh();
    expect(operations(ready(new Sequential(inner, new ReLU())))).toEqual(["tanh", "relu"]);
  });

  it("are two in a graph, each in its module", () => {
    const { nodes } = trace(new Sequential(new BatchNorm2d(3), new ReLU()), [1, 3, 4, 4]);
    expect(nodes.map(({ name }) => name)).toEqual(["0/batchNorm", "1/relu"]);
  });
});

describe("a residual branch", () => {
  it("ends in one operation of norm, sum and activation", () => {
    expect(operations(ready(new Block(new ReLU())).eval())).toEqual(["conv2d", "batchNormAct"]);
    expect(operations(ready(new Block(null)).eval())).toEqual(["conv2d", "batchNormAct"]);
    expect(operations(ready(new Block(new ReLU(), new StochasticDepth(0))))).toEqual(["conv2d", "batchNormAct"]);
  });

  it("ends in several where it is dropped, or the activation is not one of the norm's", () => {
    const network = ready(new Block(new ReLU()));
    expect(operations(network)).toEqual(["conv2d", "batchNorm", "stochasticDepth", "add", "relu"]);
    expect(operations(ready(new Block(activation("gelu"))).eval())).toEqual(["conv2d", "batchNorm", "add", "gelu"]);
    class Softer extends StochasticDepth {
      override forward(x: Tensor): Tensor {
        return x.mul(0.5);
      }
    }
    const softer = ready(new Block(null, new Softer(0.5))).eval();
    expect(operations(softer)).toEqual(["conv2d", "batchNorm", "mul", "add"]);
  });

  it("is in a graph what it is by operators, in their modules", () => {
    const { nodes } = trace(new Block(new ReLU()), [1, 3, 4, 4]);
    expect(nodes.map(({ name }) => name)).toEqual(["conv/conv2d", "norm/batchNorm", "add", "act/relu"]);
  });

  it("evaluates the shortcut behind the branch", () => {
    const order: string[] = [];
    const noting = new Identity();
    noting.forward = (x: Tensor) => {
      order.push("branch");
      return x;
    };
    const x = waves([2, 3, 2, 2], 1);
    for (const branch of [[noting], [noting, ready(new BatchNorm2d(3))]]) {
      residual(x, branch, () => {
        order.push("shortcut");
        return x;
      });
    }
    expect(order).toEqual(["branch", "shortcut", "branch", "shortcut"]);
  });
});

it("runs nothing for no modules", () => {
  const x = waves([1, 2], 1);
  expect(sequence(x, [])).toBe(x);
});
