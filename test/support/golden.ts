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
  fillState(module, (name, shape, i) => {
    const values = wave(elements(shape), i, 0.5);
    return name.endsWith("running_var") ? values.map((x) => 1 + x) : values;
  });
}

/** `fill_scaled` of `test/golden/common.py`: weights that keep the activations' size through many layers. */
export function fillScaled(module: AnyModule): void {
  fillState(module, (name, shape, i) => {
    const count = elements(shape);
    if (name.endsWith("running_var")) return wave(count, i, 0.5).map((x) => 1 + x);
    if (shape.length > 1) return wave(count, i, Math.sqrt(3 / elements(shape.slice(1))));
    if (name.endsWith("weight")) return wave(count, i, 0.2).map((x) => 1 + x);
    return wave(count, i, 0.1);
  });
}

function fillState(module: AnyModule, values: (name: string, shape: Shape, place: number) => Float32Array): void {
  module.materialize(device());
  const state = new Map<string, TorchTensor>();
  for (const [i, [name, { shape }]] of [...module.stateDict()].entries()) {
    const counter = name.endsWith("num_batches_tracked");
    state.set(name, tensor(counter ? new BigInt64Array(elements(shape)) : values(name, shape, i), shape));
  }
  module.loadStateDict(state);
  for (const value of state.values()) value.dispose();
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
