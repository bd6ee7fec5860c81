import { elements, type Shape } from "../../src/tensor/index.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { enableGrad, grad, isFused, randn, setFused, type TorchTensor, tensor } from "../../src/tensor/torch/index.js";
import { computed } from "./golden.js";

/** How a tensor lies in memory; `gaps`: as a slice of a larger one. */
export const layouts = ["contiguous", "channelsLast", "gaps"] as const;
export type Layout = (typeof layouts)[number];
export type Real = "float32" | "float64";

/** The same numbers, in this layout. */
export function laid(x: TorchTensor, layout: Layout): TorchTensor {
  if (layout !== "gaps") return x.contiguous(layout);
  return computed(computed(x.cat([x], x.shape.length - 1)).slice(x.shape.length - 1, 0, x.shape.at(-1) ?? 0));
}

export interface Run {
  value: Float64Array;
  gradients: Float64Array[];
  /** Of the value, and of the gradients. */
  shapes: Shape[];
}

export interface RunOptions {
  dtype?: Real;
  layout?: Layout;
  /** Of the gradient that comes in. */
  gradientLayout?: Layout;
}

/** Numbers for every input, or a shape of which they are drawn. */
export type Input = Shape | { shape: Shape; values: ArrayLike<number> };

/** Value and gradients with this project's kernels, and with libtorch's operators. */
export function onAndOff(
  inputs: readonly Input[],
  f: (...inputs: TorchTensor[]) => Tensor,
  options: RunOptions = {},
): { on: Run; off: Run } {
  const before = isFused();
  const data = inputs.map((input) => {
    if (!("shape" in input)) return randn(input, { dtype: "float64" });
    return tensor(Float64Array.from(input.values), input.shape, { dtype: "float64" });
  });
  let gradient: TorchTensor | undefined;
  const run = (fused: boolean): Run => {
    setFused(fused);
    const { dtype = "float32", layout = "channelsLast", gradientLayout = layout } = options;
    const leaves = data.map((x) => {
      const leaf = laid(x.to({ dtype }), x.shape.length === 4 ? layout : "contiguous").detach();
      leaf.requiresGrad = true;
      return leaf;
    });
    const y = computed(enableGrad(() => f(...leaves)));
    gradient ??= randn(y.shape, { dtype });
    const into = y.shape.length === 4 ? laid(gradient, gradientLayout) : gradient;
    const gradients = grad([y], leaves, { gradients: [into] }).map(computed);
    return {
      value: Float64Array.from(y.dataAs("float64")),
      gradients: gradients.map((g) => Float64Array.from(g.dataAs("float64"))),
      shapes: [y.shape, ...gradients.map((g) => g.shape)],
    };
  };
  try {
    return { on: run(true), off: run(false) };
  } finally {
    setFused(before);
  }
}

/** The largest difference, of the numbers' size. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? Number.NaN, b[i] ?? Number.NaN];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.POSITIVE_INFINITY;
    if (x !== y && !Number.isNaN(x)) most = Math.max(most, Math.abs(x - y) / (1 + Math.abs(y)));
  }
  return most;
}

/** The largest {@link distance} between the values and the gradients of two runs. */
export function difference(a: Run, b: Run): number {
  if (JSON.stringify(a.shapes) !== JSON.stringify(b.shapes)) return Number.POSITIVE_INFINITY;
  return Math.max(
    distance(a.value, b.value),
    ...a.gradients.map((gradient, i) => distance(gradient, b.gradients[i] ?? [])),
  );
}

/** Few different numbers, so that many are equal. */
export function ties(shape: Shape, of = 3): Input {
  return { shape, values: Float64Array.from({ length: elements(shape) }, (_, i) => ((i * 7919) % 1009) % of) };
}
