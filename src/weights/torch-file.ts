import { FileError } from "../errors.js";
import type { PickleStorage, PickleTensor } from "../pickle/index.js";
import type { DType } from "../tensor/dtype.js";
import type { FileTensor } from "./file-tensor.js";
import { elementCount, gather, isContiguous, reach } from "./strided.js";

/** Where a storage's bytes are: `read` gives those from one place to another. */
export interface StorageBytes {
  readonly size: number;
  read(from: number, to: number): Uint8Array;
}

const dtypes: ReadonlyMap<string, DType> = new Map(
  (["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"] as const).map((name) => [
    name,
    name,
  ]),
);

/**
 * How much larger than its file all weights together may be. Names may share a storage, as tied weights do, and a tensor may
 * repeat its own; a hostile file would do so without end.
 */
const mostSharing = 32;

/**
 * Tensors of a PyTorch file that read themselves when asked.
 *
 * @param find the bytes of a storage; undefined when the file has none
 * @throws FileError naming the first tensor that does not fit its storage, or the storage the file
 */
export function torchTensors(
  tensors: ReadonlyMap<string, PickleTensor>,
  find: (storage: PickleStorage) => StorageBytes | undefined,
  file: { path: string; size: number },
): Map<string, FileTensor> {
  const found = new Map<string, FileTensor>();
  let total = 0;
  for (const [name, tensor] of tensors) {
    const fail = (message: string, hint?: string) =>
      new FileError(file.path, `tensor ${JSON.stringify(name)} ${message}`, { hint });
    const { storage, shape, strides } = tensor;
    const { itemSize } = storage.type;
    const dtype = dtypes.get(storage.type.dtype);
    if (!dtype) {
      throw fail(
        `is of type ${storage.type.dtype}; known are ${[...dtypes.keys()].join(", ")}`,
        "Convert it in PyTorch.",
      );
    }
    const where = `of shape [${shape}] and strides [${strides}] at offset ${tensor.offset}`;
    const count = elementCount(shape);
    const first = storage.start + tensor.offset;
    const end = reach({ offset: first, shape, strides });
    if (count === undefined || end > storage.length) {
      throw fail(`${where} reaches beyond its storage of ${storage.length} elements`);
    }
    const bytes = find(storage);
    if (!bytes) throw fail(`lies in storage ${JSON.stringify(storage.key)}, which the file does not have`);
    if (bytes.size !== storage.length * itemSize) {
      throw fail(`lies in a storage of ${storage.length * itemSize} bytes, for which the file has ${bytes.size}`);
    }
    total += count * itemSize;
    if (total > mostSharing * file.size) {
      throw fail(
        `makes the weights more than ${mostSharing} times as large as the file: they share, or repeat, their storage`,
        "Save tensor.contiguous() in PyTorch.",
      );
    }
    found.set(name, {
      dtype,
      shape,
      bytes: count * itemSize,
      read: () => {
        const part = bytes.read(first * itemSize, end * itemSize);
        return isContiguous(tensor) ? part : gather(part, itemSize, tensor);
      },
    });
  }
  return found;
}
