import { extname } from "node:path";
import { FileError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { Module, StateDict } from "../nn/index.js";
import { bytesOf, type DType, elements, type TypedArray } from "../tensor/index.js";
import { type TorchTensor, tensor } from "../tensor/torch/index.js";
import { type CheckpointOptions, openCheckpoint } from "./checkpoint.js";
import type { FileTensor } from "./file-tensor.js";
import type { HyperParameters } from "./plain.js";
import { packSafetensors } from "./safetensors.js";
import { encodeTorchFile } from "./torch-write.js";

/**
 * Writes a module's parameters and buffers to a file, whole or not at all: to `.safetensors`, or to `.pt` or `.pth`,
 * which `torch.load(path, weights_only=True)` opens in PyTorch 1.13 and newer as a state dict.
 *
 * @param metadata free text by key that travels in the file
 * @throws FileError when it cannot be written, or its name ends otherwise
 */
export function saveWeights(
  path: string,
  weights: Module | StateDict,
  metadata?: Readonly<Record<string, string>>,
): void {
  writeTensors(path, fileTensors("stateDict" in weights ? weights.stateDict() : weights), metadata);
}

/** Tensors of the engine as what files are written from; their data is copied when it is read. */
export function fileTensors(state: StateDict): Map<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  for (const [name, value] of state) {
    const { dtype, shape } = value;
    const read = () => {
      const array = value.data();
      return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    };
    tensors.set(name, { dtype, shape, bytes: elements(shape) * bytesOf[dtype], read });
  }
  return tensors;
}

/** Writes tensors, asked for one after the other, in the format that the path's ending names. @throws FileError */
export function writeTensors(
  path: string,
  tensors: ReadonlyMap<string, FileTensor>,
  metadata?: Readonly<Record<string, string>>,
): void {
  const format = requireWritable(path);
  const bytes = format === "torch zip" ? encodeTorchFile(tensors, metadata) : packSafetensors(tensors, metadata);
  writeFileAtomic(path, bytes);
}

/** The format that a path's ending names. @throws FileError when it names none that we write */
export function requireWritable(path: string): "safetensors" | "torch zip" {
  const ending = extname(path).toLowerCase();
  if (ending === ".safetensors") return "safetensors";
  if (ending === ".pt" || ending === ".pth") return "torch zip";
  throw new FileError(path, "does not say in which format to write weights", {
    hint: "Name a file that ends in .safetensors, .pt or .pth.",
  });
}

/**
 * The tensors of a file by name, for `module.loadStateDict`, and what travels with them. Reads `.safetensors` and PyTorch
 * files, state dicts and Lightning checkpoints among them; see `readCheckpoint`. The file is never in memory as a whole: each
 * tensor is read and handed to the engine.
 *
 * @param options.device where the tensors are made; default `cpu`
 * @throws FileError when the file is absent, damaged, of no such format, or holds what is refused
 */
export function loadWeights(
  path: string,
  options: CheckpointOptions & { device?: string } = {},
): {
  state: Map<string, TorchTensor>;
  metadata: Record<string, string>;
  hyperParameters: HyperParameters | undefined;
} {
  using file = openCheckpoint(path, options);
  const state = engineTensors(file.tensors, options.device);
  return { state, metadata: file.metadata, hyperParameters: file.hyperParameters };
}

/** Reads tensors into the engine. @throws FileError when one cannot be read; none is left then */
export function engineTensors(tensors: ReadonlyMap<string, FileTensor>, device?: string): Map<string, TorchTensor> {
  const state = new Map<string, TorchTensor>();
  try {
    for (const [name, stored] of tensors) state.set(name, engineTensor(stored, device));
  } catch (error) {
    for (const made of state.values()) made.dispose();
    throw error;
  }
  return state;
}

/** Reads a tensor into the engine. @throws FileError when it cannot be read */
export function engineTensor({ dtype, shape, read }: FileTensor, device?: string): TorchTensor {
  return tensor(arrayOf(dtype, read(), elements(shape)), shape, { dtype, device });
}

/** A typed array over bytes, copied when they lie unaligned. */
function arrayOf(dtype: DType, bytes: Uint8Array, length: number): TypedArray {
  const { buffer, byteOffset } = bytes.byteOffset % bytesOf[dtype] === 0 ? bytes : Uint8Array.from(bytes);
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, byteOffset, length);
    case "float64":
      return new Float64Array(buffer, byteOffset, length);
    case "float16":
    case "bfloat16":
      return new Uint16Array(buffer, byteOffset, length);
    case "int64":
      return new BigInt64Array(buffer, byteOffset, length);
    case "int32":
      return new Int32Array(buffer, byteOffset, length);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer, byteOffset, length);
    default:
      return dtype satisfies never;
  }
}
