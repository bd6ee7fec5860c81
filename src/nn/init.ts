import type { Random } from "../random.js";
import { elements, type Shape } from "../tensor/index.js";

/** Gives the first values of a parameter: a pure function of its shape and the random stream. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** Which side of a layer keeps its variance: inputs (forward pass) or outputs (backward pass). */
export type FanMode = "fanIn" | "fanOut";

/** Nonlinearities with a known gain (PyTorch's `calculate_gain`). */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

/**
 * The connections into and out of one unit of a weight `[out, in, …kernel]`; of a convolution's group, for the inputs.
 * PyTorch's convention, so a depthwise weight `[C, 1, 3, 3]` has fan-out 9·C.
 */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  const [out = 1, into = 1, ...kernel] = shape;
  const area = elements(kernel);
  return { fanIn: into * area, fanOut: out * area };
}

/** The factor by which a nonlinearity's initial weights must grow. `slope` is that of the leaky ReLU, default 0.01. */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case "linear":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + slope ** 2));
    case "selu":
      return 3 / 4;
    default:
      return nonlinearity satisfies never;
  }
}

function fill(draw: (shape: Shape, random: Random) => () => number): Initializer {
  return (shape, random) => {
    const values = new Float32Array(elements(shape));
    const next = draw(shape, random);
    for (let i = 0; i < values.length; i++) values[i] = next();
    return values;
  };
}

export function constant(value: number): Initializer {
  return fill(() => () => value);
}

export function uniform(low: number, high: number): Initializer {
  return fill((_, random) => () => random.uniform(low, high));
}

export function normal(mean = 0, deviation = 1): Initializer {
  return fill((_, random) => () => random.normal(mean, deviation));
}

/** Normal, drawn again until it lies within `bound` standard deviations of the mean. */
export function truncatedNormal(mean = 0, deviation = 1, bound = 2): Initializer {
  return fill((_, random) => () => {
    let value = random.normal();
    while (Math.abs(value) > bound) value = random.normal();
    return mean + deviation * value;
  });
}

export interface KaimingOptions {
  mode?: FanMode;
  nonlinearity?: Nonlinearity;
  slope?: number;
}

/** Variance gain² / fan (He et al. 2015). Defaults: fan-in, ReLU. */
export function kaimingNormal({ mode = "fanIn", nonlinearity = "relu", slope }: KaimingOptions = {}): Initializer {
  return fill((shape, random) => {
    const deviation = gain(nonlinearity, slope) / Math.sqrt(fans(shape)[mode]);
    return () => random.normal(0, deviation);
  });
}

/** The uniform distribution with the variance of {@link kaimingNormal}. */
export function kaimingUniform({ mode = "fanIn", nonlinearity = "relu", slope }: KaimingOptions = {}): Initializer {
  return fill((shape, random) => {
    const bound = (gain(nonlinearity, slope) * Math.sqrt(3)) / Math.sqrt(fans(shape)[mode]);
    return () => random.uniform(-bound, bound);
  });
}

/** Variance gain² · 2 / (fan-in + fan-out) (Glorot and Bengio 2010). */
export function xavierNormal(factor = 1): Initializer {
  return fill((shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    const deviation = factor * Math.sqrt(2 / (fanIn + fanOut));
    return () => random.normal(0, deviation);
  });
}

/** The uniform distribution with the variance of {@link xavierNormal}. */
export function xavierUniform(factor = 1): Initializer {
  return fill((shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    const bound = factor * Math.sqrt(6 / (fanIn + fanOut));
    return () => random.uniform(-bound, bound);
  });
}

/** What PyTorch gives weights of Conv2d and Linear where nothing else is said: U(±1/√fan-in). */
export const pytorchWeight: Initializer = kaimingUniform({ nonlinearity: "leakyRelu", slope: Math.sqrt(5) });

/** PyTorch's bias for a weight of the given shape: U(±1/√fan-in). */
export function pytorchBias(weight: Shape): Initializer {
  const bound = 1 / Math.sqrt(fans(weight).fanIn);
  return uniform(-bound, bound);
}
