import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../errors.js";
import { type ArrayOf, arrayOf, bytesOf, type DType } from "../dtype.js";
import {
  EngineError,
  full,
  memory,
  ones,
  operator,
  randn,
  scope,
  shareArray,
  TorchTensor,
  tensor,
  zeros,
} from "./index.js";

const samples: { [T in DType]: ArrayOf[T] } = {
  float32: Float32Array.of(0, -1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e-45, 3.4e38),
  float64: Float64Array.of(0, -1.5, Number.NaN, Number.NEGATIVE_INFINITY, 5e-324, 1e308),
  float16: Uint16Array.of(0x0000, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0x0001),
  bfloat16: Uint16Array.of(0x0000, 0x3f80, 0xc000, 0x4049, 0x7f80, 0x0001),
  int64: BigInt64Array.of(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 5n, 6n),
  int32: Int32Array.of(0, -1, 2 ** 31 - 1, -(2 ** 31), 5, 6),
  uint8: Uint8Array.of(0, 1, 127, 128, 254, 255),
  bool: Uint8Array.of(0, 1, 1, 0, 1, 0),
};
const dtypes = Object.keys(samples) as DType[];

describe("typed arrays in and out", () => {
  test.each(dtypes)("%s comes out as it went in", (dtype) => {
    const x = tensor(samples[dtype], [2, 3], { dtype });
    expect(x.dtype).toBe(dtype);
    expect(x.shape).toEqual([2, 3]);
    expect(x.data()).toEqual(samples[dtype]);
    expect(x.data()).not.toBe(samples[dtype]);
    expect(x.data().byteLength).toBe(6 * bytesOf[dtype]);
    const into = arrayOf(dtype, 6);
    x.copyTo(into);
    expect(into).toEqual(samples[dtype]);
  });

  test("the 16-bit floats are the bits that IEEE 754 and bfloat16 say", () => {
    const x = tensor([1, -2, 0.5, 65504, Number.POSITIVE_INFINITY, 0.1, 2 ** -24]);
    expect([...x.dataAs("float16")]).toEqual([0x3c00, 0xc000, 0x3800, 0x7bff, 0x7c00, 0x2e66, 0x0001]);
    const y = tensor([1, -2, 3.140625, Number.POSITIVE_INFINITY, 0.1]);
    expect([...y.dataAs("bfloat16")]).toEqual([0x3f80, 0xc000, 0x4049, 0x7f80, 0x3dcd]);
    expect([...tensor(samples.float16, [6], { dtype: "float16" }).dataAs("float64")]).toEqual([
      0,
      1,
      -2,
      65504,
      Number.POSITIVE_INFINITY,
      2 ** -24,
    ]);
    expect(String(tensor(Uint16Array.of(0x4049), [1], { dtype: "bfloat16" }))).toBe("Tensor bfloat16[1] [3.140625]");
  });

  test("types convert as in PyTorch, and the array tells the type where none is named", () => {
    expect(tensor([1.7, -1.7]).dtype).toBe("float32");
    expect([...tensor([1.7, -1.7, 300]).dataAs("int32")]).toEqual([1, -1, 300]);
    expect([...tensor([0, 0.1, -2]).dataAs("bool")]).toEqual([0, 1, 1]);
    expect([...tensor([1, 2], [2], { dtype: "int64" }).dataAs("int64")]).toEqual([1n, 2n]);
    expect(tensor(Int32Array.of(1)).dtype).toBe("int32");
    expect(tensor(Uint8Array.of(1)).dtype).toBe("uint8");
    expect(tensor(3).shape).toEqual([]);
    expect(full([2], 7, { dtype: "int64" }).data()).toEqual(BigInt64Array.of(7n, 7n));
  });

  test("every conversion between two types gives what both can hold", () => {
    for (const from of dtypes) {
      for (const to of dtypes) {
        const there = tensor([0, 1, 1, 0], [4], { dtype: from }).to({ dtype: to });
        expect([...there.dataAs("float64")]).toEqual([0, 1, 1, 0]);
      }
    }
  });

  test("a bool is 0 or 1 whatever the bytes were", () => {
    expect(tensor(Uint8Array.of(0, 1, 2, 255), [4], { dtype: "bool" }).data()).toEqual(Uint8Array.of(0, 1, 1, 1));
  });

  test("views and channels last come out in row-major order", () => {
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      [1, 2, 3, 4],
    );
    expect(x.to({ memoryFormat: "channelsLast" }).data()).toEqual(x.data());
    expect([...tensor([1, 2, 3, 4], [2, 2]).permute([1, 0]).shape]).toEqual([2, 2]);
    const turned = tensor([1, 2, 3, 4], [2, 2]).permute([1, 0]);
    if (!(turned instanceof TorchTensor)) throw new Error("not computed");
    expect([...turned.data()]).toEqual([1, 3, 2, 4]);
  });

  test("conversions on the way leave no tensor behind", () => {
    const before = memory().tensors;
    scope(() => {
      const inside = memory().tensors;
      const x = tensor([1, 2, 3], [3], { dtype: "float64" });
      x.dataAs("float32");
      String(x);
      expect(memory().tensors).toBe(inside + 1);
    });
    expect(memory().tensors).toBe(before);
  });
});

describe("an array shared", () => {
  test("is the tensor's memory, both ways", () => {
    const array = Float32Array.of(1, 2, 3, 4, 5, 6);
    const x = shareArray(array.subarray(1, 5), [2, 2]);
    array[1] = 20;
    expect([...x.data()]).toEqual([20, 3, 4, 5]);
    x.add_(1);
    expect([...array]).toEqual([1, 21, 4, 5, 6, 6]);
    x.dispose();
    expect([...array]).toEqual([1, 21, 4, 5, 6, 6]);
  });

  test("cannot be moved or resized under the tensor's feet", () => {
    const array = new Float32Array(4);
    const x = shareArray(array, [4]);
    try {
      structuredClone(array.buffer, { transfer: [array.buffer] });
    } catch (error) {
      expect(error).toMatchObject({ name: "DataCloneError" });
    }
    expect(array.length).toBe(4);
    array[0] = 5;
    expect(x.data()[0]).toBe(5);
    const resizable = new Float32Array(new (ArrayBuffer as ResizableConstructor)(16, { maxByteLength: 64 }));
    expect(() => shareArray(resizable, [4])).toThrow(/resizable/);
    expect(tensor(resizable).data()).toEqual(new Float32Array(4));
    expect(() => shareArray(new Uint8Array(2), [2], "bool")).toThrow(/bools are copied/);
  });

  test("of another thread's memory works like any", () => {
    const array = new Int32Array(new SharedArrayBuffer(8));
    const x = shareArray(array, [2]);
    array[1] = 9;
    expect([...x.data()]).toEqual([0, 9]);
  });
});

type ResizableConstructor = new (length: number, options: { maxByteLength: number }) => ArrayBuffer;

describe("what does not fit is refused", () => {
  test("wrong typed arrays", () => {
    expect(() => tensor(new Uint16Array(2))).toThrow(ArgumentError);
    expect(() => tensor(new Int8Array(2) as unknown as Uint8Array)).toThrow(ArgumentError);
    expect(() => shareArray(new Float32Array(2), [2], "float64")).toThrow(/does not hold float64/);
    expect(() => ones([2]).copyTo(new Float64Array(2))).toThrow(/does not hold float32/);
    expect(() => ones([2]).copyTo(new Float32Array(3))).toThrow(/has 2 elements, the typed array 3/);
    const moved = new Float32Array(4);
    structuredClone(moved.buffer, { transfer: [moved.buffer] });
    expect(() => tensor(moved, [4])).toThrow(/0 elements/);
  });

  test("wrong shapes", () => {
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow("3 elements do not fill the shape [2, 2]");
    expect(() => shareArray(new Float32Array(4), [3])).toThrow(EngineError);
    expect(() => shareArray(new Float32Array(4), [-2, -2])).toThrow(/negative/);
    expect(() => shareArray(new Float32Array(0), [2 ** 33, 2 ** 33])).toThrow(EngineError);
    expect(() => shareArray(new Float32Array(4), [Number.NaN])).toThrow(/whole number/);
    expect(() => zeros([-1])).toThrow(/^aten::zeros: .*negative/);
  });

  test("more memory than there is", () => {
    expect(() => zeros([1e15])).toThrow(
      expect.objectContaining({ code: "MEMORY", message: expect.stringContaining("aten::zeros: out of memory") }),
    );
    expect(() => zeros([2 ** 31, 2 ** 31])).toThrow(/size/);
    const wide = TorchTensor.adopt(Number(expand(ones([1]), [2 ** 40])));
    expect(() => wide.data()).toThrow(/no typed array of 1099511627776 elements|out of memory/);
    expect(ones([2]).data()).toEqual(Float32Array.of(1, 1));
  });

  test("devices that are not there", () => {
    expect(() => zeros([1], { device: "tpu" })).toThrow(`unknown device "tpu"`);
    expect(() => zeros([1], { device: "cuda:x" })).toThrow(`unknown device "cuda:x"`);
    expect(() => zeros([1], { device: "cuda:999" })).toThrow(/there is no device cuda:999/);
    expect(() => ones([1]).to({ device: "cuda:99999999999999999999" })).toThrow(/unknown device/);
    expect(ones([1]).device).toBe("cpu");
  });
});

function expand(x: TorchTensor, shape: readonly number[]) {
  return operator("aten::expand")(x.id, shape);
}

describe("memory formats", () => {
  test("channels last has the strides of NHWC", () => {
    const x = randn([2, 3, 4, 5]);
    expect(x.strides).toEqual([60, 20, 5, 1]);
    expect(x.isContiguous()).toBe(true);
    const y = x.to({ memoryFormat: "channelsLast" });
    expect(y.strides).toEqual([60, 1, 15, 3]);
    expect([y.isContiguous(), y.isContiguous("channelsLast")]).toEqual([false, true]);
    expect(y.contiguous().strides).toEqual([60, 20, 5, 1]);
    expect(x.contiguous("channelsLast").strides).toEqual([60, 1, 15, 3]);
  });

  test("convolution, normalisation and pooling keep it, and compute the same", () => {
    const x = randn([2, 4, 6, 6]);
    const weight = randn([8, 4, 3, 3]);
    const network = (input: TorchTensor) => {
      const y = input
        .conv2d(weight, null, { padding: 1 })
        .batchNorm({
          weight: null,
          bias: null,
          runningMean: null,
          runningVar: null,
          batchesTracked: null,
          training: true,
          momentum: 0.1,
          eps: 1e-5,
        })
        .relu()
        .maxPool2d(2);
      if (!(y instanceof TorchTensor)) throw new Error("not computed");
      return y;
    };
    const y = network(x.to({ memoryFormat: "channelsLast" }));
    expect(y.isContiguous("channelsLast")).toBe(true);
    const expected = network(x).dataAs("float64");
    for (const [i, value] of y.dataAs("float64").entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 4);
  });
});
