import { expect } from "vitest";
import { Random } from "../../src/random.js";
import { elements, type Shape, type Tensor } from "../../src/tensor/index.js";
import { grad, scope, type TorchTensor, tensor } from "../../src/tensor/torch/index.js";

/** Numbers for a tensor of float64; none within 0.05 of zero, where many activations have a kink. */
export function numbers(shape: Shape, key: number, low = -2, high = 2): Float64Array {
  const random = new Random(7, "gradcheck", key);
  return Float64Array.from({ length: elements(shape) }, () => {
    let x = 0;
    while (Math.abs(x) < 0.05) x = random.uniform(low, high);
    return x;
  });
}

export interface Differentiable {
  /** Where the gradient is wanted: shapes, filled by {@link numbers}, or shapes with their numbers. */
  inputs: readonly (Shape | readonly [Shape, Float64Array])[];
  /** The function; one that draws random numbers seeds the generator first. */
  f: (...inputs: TorchTensor[]) => Tensor;
}

/**
 * Holds libtorch's gradients of f, weighted by fixed numbers, against central differences in float64. With `twice`, the
 * gradients of the gradients too.
 */
export function checkGradients({ inputs, f }: Differentiable, twice = false): void {
  const points = inputs.map((input, i) =>
    isShape(input) ? { shape: input, data: numbers(input, i) } : { shape: input[0], data: input[1] },
  );
  const at = (data: readonly Float64Array[], on: boolean) =>
    points.map(({ shape }, i) => {
      const x = tensor(data[i] ?? [], shape);
      x.requiresGrad = on;
      return x;
    });
  const start = points.map(({ data }) => data);
  const weighted = (xs: TorchTensor[]) => {
    const y = f(...xs);
    expect(y.dtype).toBe("float64");
    return y.mul(tensor(numbers(y.shape, 99), y.shape)).sum() as TorchTensor;
  };
  const slopes = (xs: TorchTensor[], createGraph: boolean) =>
    grad([weighted(xs)], xs, { createGraph }).map((g) => {
      if (g === null) throw new Error("no gradient");
      return g;
    });
  scope(() => {
    const value = (data: readonly Float64Array[]) => scope(() => weighted(at(data, false)).item());
    const analytic = slopes(at(start, true), false).map((g) => g.dataAs("float64"));
    compare(analytic, differences(value, start));
    if (!twice) return;
    const total = (gs: TorchTensor[]) =>
      gs.map((g, i) => g.mul(tensor(numbers(g.shape, 50 + i), g.shape)).sum() as TorchTensor);
    const slope = (data: readonly Float64Array[]) =>
      scope(() => total(slopes(at(data, true), false)).reduce((sum, x) => sum + x.item(), 0));
    const xs = at(start, true);
    // a gradient that does not depend on the inputs, such as a bias's, has no graph
    const depending = total(slopes(xs, true)).filter((slope) => slope.requiresGrad);
    const second = grad(depending, xs).map((g, i) => g?.dataAs("float64") ?? zerosLike(start[i]));
    compare(second, differences(slope, start));
  });
}

const zerosLike = (data: Float64Array | undefined): Float64Array => new Float64Array(data?.length ?? 0);

function isShape(input: Differentiable["inputs"][number]): input is Shape {
  return !(input[1] instanceof Float64Array);
}

/** The slopes of a function in every direction, one step of 1e-5 to each side. */
function differences(f: (data: readonly Float64Array[]) => number, start: readonly Float64Array[]): Float64Array[] {
  const step = 1e-5;
  return start.map((data, i) =>
    data.map((_, j) => {
      const moved = (by: number) =>
        f(
          start.with(
            i,
            Float64Array.from(data, (value, k) => (k === j ? value + by : value)),
          ),
        );
      return (moved(step) - moved(-step)) / (2 * step);
    }),
  );
}

function compare(actual: readonly Float64Array[], expected: readonly Float64Array[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, slopes] of expected.entries()) {
    const found = actual[i] ?? [];
    expect(found.length).toBe(slopes.length);
    const scale = Math.max(1, ...slopes.map(Math.abs));
    const worst = Math.max(0, ...slopes.map((slope, j) => Math.abs(slope - (found[j] ?? Number.NaN))));
    expect(worst, `input ${i}: ${found} against ${slopes}`).toBeLessThan(1e-6 * scale);
  }
}
