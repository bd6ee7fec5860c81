import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  activation,
  BatchNorm2d,
  Dropout,
  Flatten,
  init,
  LayerNorm,
  Linear,
  Module,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { kaimingFor } from "./activation-gain.js";
import { type ModelOptions, registerModel } from "./registry.js";

export interface MLPOptions extends Pick<ModelOptions, "classes"> {
  /** Units of each hidden layer; none makes it softmax regression. Default [256, 128]. */
  widths?: readonly number[];
  /** After each hidden linear layer; default `batch`. */
  norm?: "batch" | "layer" | "none";
  /** Default ReLU. */
  activation?: ActivationName;
  /** Probability after each hidden layer; default 0. */
  dropout?: number;
  /** Add a hidden layer's input to its result where both have as many units. Default false. */
  residual?: boolean;
}

/** Activations that are flat on both sides. */
const saturating: ReadonlySet<ActivationName> = new Set(["tanh", "sigmoid", "hardsigmoid"]);

/** Linear layer, norm, activation, dropout, and the input added where it fits. */
class HiddenLayer extends Module {
  readonly linear: Linear;
  readonly norm: Module | null;
  readonly activation: Module;
  readonly dropout: Dropout;
  readonly skip: boolean;

  constructor(into: number, units: number, options: Required<Omit<MLPOptions, "classes" | "widths">>) {
    super();
    const { norm, activation: name, dropout, residual } = options;
    const weights = saturating.has(name) ? init.xavierUniform() : kaimingFor(name, "fanIn");
    this.linear = new Linear(into, units, { init: weights, biasInit: init.constant(0) });
    this.norm = norm === "none" ? null : norm === "batch" ? new BatchNorm2d(units) : new LayerNorm(units);
    this.activation = activation(name);
    this.dropout = new Dropout(dropout);
    this.skip = residual && into === units;
  }

  forward(x: Tensor): Tensor {
    const linear = this.linear.forward(x);
    const normalised = this.norm ? this.norm.forward(linear) : linear;
    const result = this.dropout.forward(this.activation.forward(normalised));
    return this.skip ? result.add(x) : result;
  }
}

/**
 * A multi-layer perceptron for images, by design parameters: `[N, C, H, W]` → flattened → hidden layers → logits. First
 * weights after He et al. 2015 (arXiv 1502.01852), for activations that saturate (tanh, sigmoid, hardsigmoid) after Glorot
 * and Bengio 2010.
 */
export class MLP extends Module {
  readonly flatten = new Flatten();
  readonly hidden: Sequential;
  readonly head: Linear;

  /**
   * @param inputs values of one image, channels x height x width
   * @throws ArgumentError when a width is no count, or the dropout no probability
   */
  constructor(inputs: number, options: MLPOptions = {}) {
    super();
    const { classes = 10, widths = [256, 128], norm = "batch", dropout = 0, residual = false } = options;
    for (const width of [inputs, ...widths]) {
      if (!Number.isInteger(width) || width < 1) throw new ArgumentError(`MLP: a layer of ${width} units`);
    }
    const style = { norm, activation: options.activation ?? "relu", dropout, residual };
    this.hidden = new Sequential(
      ...widths.map((units, i) => new HiddenLayer(i === 0 ? inputs : (widths[i - 1] ?? inputs), units, style)),
    );
    this.head = new Linear(widths.at(-1) ?? inputs, classes);
  }

  /** `[N, C, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.head.forward(this.hidden.forward(this.flatten.forward(x)));
  }
}

const SIDE = 28;

registerModel({
  name: "mlp_fashion",
  family: "MLP",
  description: "two hidden layers of 256 and 128 units with batch norm, for Fashion-MNIST",
  reference: "after Zhang et al., Dive into Deep Learning, section 5",
  inputSize: SIDE,
  inChannels: 1,
  classes: 10,
  // 784·256 + 256 + 2·256, 256·128 + 128 + 2·128, 128·10 + 10
  parameters: 235_914,
  multiplyAdds: 234_752,
  accepts: ["dropout", "activation"],
  build: ({ inChannels = 1, classes, dropout, activation: name }) =>
    new MLP(inChannels * SIDE * SIDE, { classes, dropout, activation: name }),
});
