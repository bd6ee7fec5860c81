import { markAsUntransferable } from "node:worker_threads";
import { ArgumentError } from "../../errors.js";
import { type DType, dtypeOf, type TypedArray } from "../dtype.js";
import { elements, formatShape, type Shape } from "../shape.js";
import type { Device } from "../tensor.js";
import { native } from "./native.js";
import { ops } from "./ops.js";
import { TorchTensor } from "./torch-tensor.js";

export interface CreateOptions {
  /** Default: the typed array's own type, or float32. */
  dtype?: DType;
  /** Default `cpu`. */
  device?: string;
}

/**
 * A tensor with a copy of the data, row-major: a typed array with a shape, a number, or a flat list of numbers.
 *
 * @throws EngineError when the elements do not fit the shape, or the typed array not the type
 */
export function tensor(
  data: TypedArray | readonly number[] | number,
  shape?: Shape,
  options: CreateOptions = {},
): TorchTensor {
  if (typeof data === "number") return full(shape ?? [], data, options);
  const array = Array.isArray(data) ? Float64Array.from(data) : (data as TypedArray);
  const dtype = options.dtype ?? (Array.isArray(data) ? "float32" : dtypeOf(array));
  if (!dtype) throw new ArgumentError("a Uint16Array holds float16 or bfloat16: name the dtype");
  const size = shape ?? [array.length];
  if (elements(size) !== array.length) {
    throw new ArgumentError(`${array.length} elements do not fill the shape ${formatShape(size)}`);
  }
  const stored = dtypeOf(array) ?? dtype;
  const direct = array instanceof Uint8Array && dtype === "bool" ? "bool" : stored;
  const made = TorchTensor.adopt(native().fromArray(array, size, direct));
  const device = options.device ?? "cpu";
  if (direct === dtype && device === "cpu") return made;
  try {
    return made.to({ dtype, device });
  } finally {
    made.dispose();
  }
}

/**
 * A tensor on the CPU that *is* the typed array's memory: writing to one changes the other. From then on the array's buffer
 * stays where it is: transferred to another thread, it is copied or refused (`markAsUntransferable` of Node).
 *
 * @throws EngineError for bools, and for buffers that can be resized
 */
export function shareArray(array: TypedArray, shape: Shape, dtype: DType | undefined = dtypeOf(array)): TorchTensor {
  if (!dtype) throw new ArgumentError("a Uint16Array holds float16 or bfloat16: name the dtype");
  const shared = TorchTensor.adopt(native().shareArray(array, shape, dtype));
  if (array.buffer instanceof ArrayBuffer) markAsUntransferable(array.buffer);
  return shared;
}

export function zeros(shape: Shape, options: CreateOptions = {}): TorchTensor {
  return TorchTensor.adopt(ops.zeros(shape, options.dtype ?? "float32", undefined, options.device));
}

export function ones(shape: Shape, options: CreateOptions = {}): TorchTensor {
  return TorchTensor.adopt(ops.ones(shape, options.dtype ?? "float32", undefined, options.device));
}

export function full(shape: Shape, value: number, options: CreateOptions = {}): TorchTensor {
  return TorchTensor.adopt(ops.full(shape, value, options.dtype ?? "float32", undefined, options.device));
}

/** Uniform in [0, 1), from the device's generator (see {@link manualSeed}). */
export function rand(shape: Shape, options: CreateOptions = {}): TorchTensor {
  return TorchTensor.adopt(ops.rand(shape, options.dtype ?? "float32", undefined, options.device));
}

/** Standard normal, from the device's generator. */
export function randn(shape: Shape, options: CreateOptions = {}): TorchTensor {
  return TorchTensor.adopt(ops.randn(shape, options.dtype ?? "float32", undefined, options.device));
}

/** `cpu`, or a GPU as `cuda:0`. Modules are materialised on one. */
export function device(name = "cpu"): Device & { tensor(data: TypedArray, shape: Shape, dtype?: DType): TorchTensor } {
  return { name, tensor: (data, shape, dtype) => tensor(data, shape, { dtype, device: name }) };
}
