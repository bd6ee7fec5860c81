import { expect } from "vitest";
import type { AnyModule } from "../../src/nn/index.js";
import { elements, type Shape } from "../../src/tensor/index.js";
import { device, TorchTensor, tensor } from "../../src/tensor/torch/index.js";

export { readGolden } from "./files.js";

/** `wave` of `test/golden/common.py`: the same bits in both languages. */
export function wave(count: number, salt: number, scale = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (((i * 7919 + salt * 104729) % 2003) / 1001.5 - 1) * scale);
}

/** A tensor of {@link wave}s. */
export function waves(shape: Shape, salt: number, scale = 1): TorchTensor {
  return tensor(wave(elements(shape), salt, scale), shape);
}

/** `fill` of `test/golden/common.py`: a value for every entry of a module's state, by its place in it. */
export function fillByPlace(module: AnyModule): void {
  module.materialize(device());
  const state = new Map<string, TorchTensor>();
  for (const [i, [name, value]] of [...module.stateDict()].entries()) {
    const count = elements(value.shape);
    if (name.endsWith("num_batches_tracked")) state.set(name, tensor(new BigInt64Array(count), value.shape));
    else if (name.endsWith("running_var")) {
      state.set(
        name,
        tensor(
          wave(count, i, 0.5).map((x) => 1 + x),
          value.shape,
        ),
      );
    } else state.set(name, waves(value.shape, i, 0.5));
  }
  module.loadStateDict(state);
}

/** `sketch` of `test/golden/common.py`. */
export interface Sketch {
  every: number;
  norm: number;
  values: number[];
}

/** Every recorded element within `tolerance` of the greatest of them, and the norm within `tolerance` of itself. */
export function expectSketch(actual: ArrayLike<number>, golden: Sketch, tolerance: number): void {
  const all = Array.from(actual);
  const norm = Math.hypot(...all);
  expect(Math.abs(norm - golden.norm)).toBeLessThanOrEqual(tolerance * golden.norm);
  expectClose(
    all.filter((_, i) => i % golden.every === 0),
    golden.values,
    tolerance,
  );
}

/** The greatest difference is at most `tolerance` times the greatest expected magnitude. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  expect(relativeDifference(actual, expected)).toBeLessThanOrEqual(tolerance);
}

/** The greatest difference over the greatest expected magnitude; not a number where either holds one. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
    if (Number.isNaN(gap)) return Number.NaN;
    difference = Math.max(difference, gap);
    magnitude = Math.max(magnitude, Math.abs(expected[i] ?? 0));
  }
  return difference === 0 ? 0 : difference / magnitude;
}

/** The result of a forward, which these tests know to be computed. */
export function computed(value: unknown): TorchTensor {
  if (value instanceof TorchTensor) return value;
  throw new Error("the result was not computed by libtorch");
}
