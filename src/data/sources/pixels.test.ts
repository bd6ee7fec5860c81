import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../errors.js";
import { scope, tensor } from "../../tensor/torch/index.js";
import { fromPixels } from "./pixels.js";

const about = { classes: ["a", "b"], labels: [1, 0] } as const;
/** Two images of 2x3 (height, width) whose value at image n, row y, column x, channel c is n, y, x and c as digits. */
const at = (n: number, y: number, x: number, c: number): number => n * 64 + y * 32 + x * 4 + c;
const places = [0, 1].flatMap((n) =>
  [0, 1].flatMap((y) => [0, 1, 2].flatMap((x) => [0, 1, 2].map((c) => [n, y, x, c] as const))),
);
const nhwc = Uint8Array.from(places, ([n, y, x, c]) => at(n, y, x, c));
const nchw = new Uint8Array(36);
for (const [n, y, x, c] of places) nchw[((n * 3 + c) * 2 + y) * 3 + x] = at(n, y, x, c);

describe("fromPixels", () => {
  it("takes bytes in either layout, without a copy where they lie as ours do", () => {
    const set = fromPixels({ data: nhwc, shape: [2, 2, 3, 3] }, { ...about, layout: "nhwc", name: "mine" });
    expect(set.pixels).toBe(nhwc);
    expect([set.name, set.names, set.uniformSize]).toEqual(["mine", ["0", "1"], { width: 3, height: 2 }]);
    expect([...set.labels]).toEqual([1, 0]);
    const other = fromPixels({ data: nchw, shape: [2, 3, 2, 3] }, { ...about, layout: "nchw", names: ["x", "y"] });
    expect(other.pixels).toEqual(nhwc);
    expect(other.names).toEqual(["x", "y"]);
  });

  it("repeats grey", () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    for (const [layout, shape] of [
      ["nhwc", [2, 1, 2, 1]],
      ["nchw", [2, 1, 1, 2]],
    ] as const) {
      const set = fromPixels({ data, shape }, { ...about, layout });
      expect([...set.pixels]).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    }
  });

  it("gives back the bytes that were divided by 255, in single precision too", () => {
    const bytes = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
    for (const data of [Float32Array.from(bytes), Float64Array.from(bytes)]) {
      for (const i of data.keys()) data[i] = (data[i] ?? 0) / 255;
      const set = fromPixels({ data, shape: [1, 1, 256, 3] }, { classes: ["a"], labels: [0], layout: "nhwc" });
      expect(set.pixels).toEqual(bytes);
    }
  });

  it("takes tensors", () => {
    scope(() => {
      const bytes = fromPixels(tensor(nchw, [2, 3, 2, 3]), { ...about, layout: "nchw" });
      expect(bytes.pixels).toEqual(nhwc);
      const floats = tensor(
        Float32Array.from(nhwc, (value) => value / 255),
        [2, 2, 3, 3],
      );
      expect(fromPixels(floats, { ...about, layout: "nhwc" }).pixels).toEqual(nhwc);
      const wide = tensor(Int32Array.from(nhwc), [2, 2, 3, 3]);
      expect(() => fromPixels(wide, { ...about, layout: "nhwc" })).toThrow(/type int32 are not understood/);
    });
  });

  it("refuses other shapes and values", () => {
    const from =
      (data: Uint8Array | Float32Array, shape: number[], layout: "nhwc" | "nchw" = "nhwc") =>
      () =>
        fromPixels({ data, shape }, { ...about, layout });
    expect(from(nhwc, [2, 2, 3, 3], "nchw")).toThrow(/\[2, 2, 3, 3\] is not \[N, C, H, W\] with 3 channels, or 1/);
    expect(from(nhwc, [2, 2, 9])).toThrow(ShapeError);
    expect(from(nhwc, [2, 2, 4, 3])).toThrow(/does not have the 36 elements/);
    expect(from(nhwc, [1, 4, 3, 3])).toThrow(/2 labels but 1 names/);
    for (const value of [1.5, -0.1, 255, Number.NaN]) {
      const data = new Float32Array(36).fill(0.5);
      data[7] = value;
      expect(from(data, [2, 2, 3, 3])).toThrow(/element 7 is .*, outside \[0, 1\]/);
      expect(from(data, [2, 2, 3, 3])).toThrow(ArgumentError);
    }
  });
});
