import { FileError } from "../errors.js";
import type { Module, StateDict } from "../nn/index.js";
import { type DType, elements, type TypedArray } from "../tensor/index.js";
import { type TorchTensor, tensor } from "../tensor/torch/index.js";
import { readSafetensors, type SafetensorsEntry, writeSafetensors } from "./safetensors.js";

/**
 * Writes a module's parameters and buffers to a `.safetensors` file, whole or not at all.
 *
 * @param metadata free text by key that travels in the file
 * @throws FileError when it cannot be written
 */
export function saveWeights(
  path: string,
  weights: Module | StateDict,
  metadata?: Readonly<Record<string, string>>,
): void {
  const state = "stateDict" in weights ? weights.stateDict() : weights;
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of state) {
    const array = value.data();
    const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    entries.set(name, { dtype: value.dtype, shape: value.shape, data });
  }
  writeSafetensors(path, entries, metadata);
}

/**
 * The tensors of a `.safetensors` file by name, and the text that travels with them. For `module.loadStateDict`.
 *
 * @param options.device where the tensors are made; default `cpu`
 * @throws FileError when the file is absent, damaged or not of this format
 */
export function loadWeights(
  path: string,
  options: { device?: string } = {},
): { state: Map<string, TorchTensor>; metadata: Record<string, string> } {
  if (!path.endsWith(".safetensors")) {
    throw new FileError(path, "is no .safetensors file", { hint: "Weights are read from .safetensors files." });
  }
  const { tensors, metadata } = readSafetensors(path);
  const state = new Map<string, TorchTensor>();
  for (const [name, { dtype, shape, data }] of tensors) {
    state.set(name, tensor(arrayOf(dtype, data, elements(shape)), shape, { dtype, device: options.device }));
  }
  return { state, metadata };
}

/** A typed array over a copy of the bytes, which may lie unaligned in the file. */
function arrayOf(dtype: DType, bytes: Uint8Array, length: number): TypedArray {
  const buffer = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(buffer).set(bytes);
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, 0, length);
    case "float64":
      return new Float64Array(buffer, 0, length);
    case "float16":
    case "bfloat16":
      return new Uint16Array(buffer, 0, length);
    case "int64":
      return new BigInt64Array(buffer, 0, length);
    case "int32":
      return new Int32Array(buffer, 0, length);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer, 0, length);
    default:
      return dtype satisfies never;
  }
}
