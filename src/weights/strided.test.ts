import fc from "fast-check";
import { expect, it } from "vitest";
import { elementCount, gather, isContiguous, reach } from "./strided.js";

/** The offsets of all elements, rows first, from the definition. */
function offsets(shape: readonly number[], strides: readonly number[]): number[] {
  const [size, ...sizes] = shape;
  const [stride = 0, ...rest] = strides;
  if (size === undefined) return [0];
  return Array.from({ length: size }, (_, i) => offsets(sizes, rest).map((at) => i * stride + at)).flat();
}

const layout = fc
  .array(fc.tuple(fc.nat(4), fc.nat(7)), { maxLength: 4 })
  .map((dims) => ({ offset: 0, shape: dims.map(([size]) => size), strides: dims.map(([, stride]) => stride) }));

it("gathers what the definition of strides says", () => {
  fc.assert(
    fc.property(layout, fc.constantFrom(1, 2, 4, 8), (tensor, itemSize) => {
      const all = offsets(tensor.shape, tensor.strides);
      expect(elementCount(tensor.shape)).toBe(all.length);
      expect(reach(tensor)).toBe(all.reduce((end, at) => Math.max(end, at + 1), 0));
      const storage = Uint8Array.from({ length: reach(tensor) * itemSize }, (_, i) => i % 251);
      const expected = all.flatMap((at) => [...storage.subarray(at * itemSize, (at + 1) * itemSize)]);
      expect([...gather(storage, itemSize, tensor)]).toEqual(expected);
      if (isContiguous(tensor)) expect([...storage]).toEqual(expected);
      else expect(all).not.toEqual(all.map((_, i) => i));
    }),
    { numRuns: 2000 },
  );
});

it("counts no further than it can", () => {
  expect(elementCount([2 ** 30, 2 ** 30])).toBeUndefined();
  expect(elementCount([2 ** 30, 2 ** 30, 0])).toBe(0);
  expect(elementCount([])).toBe(1);
});
