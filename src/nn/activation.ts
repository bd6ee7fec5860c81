import type { NormActivation, Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/** max(x, 0) */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return x.relu6();
  }
}

/** x where positive, else slope·x. */
export class LeakyReLU extends Module {
  readonly slope: number;

  constructor(slope = 0.01) {
    super();
    this.slope = slope;
  }

  forward(x: Tensor): Tensor {
    return x.leakyRelu(this.slope);
  }
}

/** x·sigmoid(x), also called swish. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return x.silu();
  }
}

/** x·Φ(x), or with `tanh` its approximation. */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor(approximate: "none" | "tanh" = "none") {
    super();
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return x.gelu(this.approximate);
  }
}

/** 1 / (1 + e⁻ˣ) */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/** relu6(x + 3) / 6 */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return x.hardsigmoid();
  }
}

/** x·hardsigmoid(x) */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return x.hardswish();
  }
}

/** Hands its input on. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

const normActivations = new Map<Module["forward"], NormActivation>([
  [ReLU.prototype.forward, "relu"],
  [ReLU6.prototype.forward, "relu6"],
  [SiLU.prototype.forward, "silu"],
  [Hardswish.prototype.forward, "hardswish"],
  [Identity.prototype.forward, "none"],
]);

/**
 * What a module's `forward` is, where a batch norm can end in it. It is the function that tells, not the class: a subclass
 * with a `forward` of its own is something else, and so is a module that is watched.
 */
export function normActivation(module: Module): NormActivation | undefined {
  return normActivations.get(module.forward);
}

const activations = {
  relu: () => new ReLU(),
  relu6: () => new ReLU6(),
  leakyRelu: () => new LeakyReLU(),
  silu: () => new SiLU(),
  gelu: () => new GELU(),
  sigmoid: () => new Sigmoid(),
  tanh: () => new Tanh(),
  hardsigmoid: () => new Hardsigmoid(),
  hardswish: () => new Hardswish(),
  identity: () => new Identity(),
};

/** The name of an activation. */
export type ActivationName = keyof typeof activations;

/** The names of all activations. */
export const activationNames: readonly ActivationName[] = Object.keys(activations).filter(isActivationName);

function isActivationName(name: string): name is ActivationName {
  return Object.hasOwn(activations, name);
}

/** A new activation by name. */
export function activation(name: ActivationName): Module {
  return activations[name]();
}
