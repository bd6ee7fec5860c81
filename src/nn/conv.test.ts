import { describe, expect, it } from "vitest";
import { computed, expectClose, wave } from "../../test/support/golden.js";
import { ArgumentError } from "../errors.js";
import { device, scope, tensor } from "../tensor/torch/index.js";
import { Conv2d } from "./index.js";

/** Zeros before an axis and the number of outputs: for `same`, and by TensorFlow's documentation of `SAME`. */
const rules = {
  same: (size: number, kernel: number, stride: number, dilation: number) => ({
    before: Math.floor((dilation * (kernel - 1)) / 2),
    count: Math.ceil(size / stride),
  }),
  // https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2, with the kernel's dilated extent
  sameTensorFlow(size: number, kernel: number, stride: number, dilation: number) {
    const extent = dilation * (kernel - 1) + 1;
    const pad = size % stride === 0 ? Math.max(extent - stride, 0) : Math.max(extent - (size % stride), 0);
    return { before: Math.floor(pad / 2), count: Math.ceil(size / stride) };
  },
};

/** One channel in, one out, by the definition; whatever lies outside the image is zero. */
function convolve(
  image: Float32Array,
  [height, width]: readonly [number, number],
  kernel: Float32Array,
  k: number,
  { stride, dilation, padding }: { stride: number; dilation: number; padding: keyof typeof rules },
): { shape: [number, number]; values: number[] } {
  const rows = rules[padding](height, k, stride, dilation);
  const columns = rules[padding](width, k, stride, dilation);
  const values: number[] = [];
  for (let i = 0; i < rows.count; i++) {
    for (let j = 0; j < columns.count; j++) {
      let sum = 0;
      for (let a = 0; a < k; a++) {
        for (let b = 0; b < k; b++) {
          const y = i * stride + a * dilation - rows.before;
          const x = j * stride + b * dilation - columns.before;
          if (y >= 0 && y < height && x >= 0 && x < width)
            sum += (image[y * width + x] ?? 0) * (kernel[a * k + b] ?? 0);
        }
      }
      values.push(sum);
    }
  }
  return { shape: [rows.count, columns.count], values };
}

describe.each(["same", "sameTensorFlow"] as const)("padding %s", (padding) => {
  it.each([1, 2, 3, 4, 5])("kernel %i, any size, stride and dilation", (k) => {
    for (const size of [
      [5, 6],
      [7, 8],
      [9, 4],
    ] as const) {
      for (const stride of [1, 2, 3]) {
        for (const dilation of [1, 2]) {
          const image = wave(size[0] * size[1], 1);
          const kernel = wave(k * k, 2);
          const expected = convolve(image, size, kernel, k, { stride, dilation, padding });
          const conv = new Conv2d(1, 1, k, { stride, dilation, padding, bias: false });
          conv.loadStateDict(new Map([["weight", tensor(kernel, [1, 1, k, k])]]));
          const y = scope(() => computed(conv.forward(tensor(image, [1, 1, ...size]))));
          expect(y.shape).toEqual([1, 1, ...expected.shape]);
          expectClose(y.dataAs("float32"), expected.values, 1e-6);
        }
      }
    }
  });
});

it("the two rules differ by half a pixel on an even size with stride 2", () => {
  const outputs = (["same", "sameTensorFlow"] as const).map((padding) => {
    const conv = new Conv2d(1, 1, 3, { stride: 2, padding, bias: false });
    conv.loadStateDict(new Map([["weight", tensor([0, 0, 0, 0, 1, 0, 0, 0, 0], [1, 1, 3, 3])]]));
    return [
      ...computed(conv.forward(tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [1, 1, 4, 4]))).data(),
    ];
  });
  expect(outputs).toEqual([
    [1, 3, 9, 11],
    [6, 8, 14, 16],
  ]);
});

it("refuses counts and groups that do not work out", () => {
  expect(() => new Conv2d(3, 4, 1, { groups: 2 })).toThrow("3 → 4 channels do not divide into 2 groups");
  expect(() => new Conv2d(4, 3, 1, { groups: 2 })).toThrow(ArgumentError);
  expect(() => new Conv2d(0, 3, 1)).toThrow("inChannels is 0");
  expect(() => new Conv2d(2.5, 3, 1)).toThrow("inChannels is 2.5");
  expect(() => new Conv2d(2, 3, 1).materialize(device()).forward(tensor([1, 2, 3], [1, 3, 1, 1]))).toThrow(/conv/);
});
