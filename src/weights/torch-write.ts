import { ArgumentError } from "../errors.js";
import { op } from "../pickle/index.js";
import type { DType } from "../tensor/dtype.js";
import type { FileTensor } from "./file-tensor.js";
import { metadataName } from "./torch-zip.js";
import { encodeZip, type ZipPart } from "./zip-writer.js";

const storages: Readonly<Record<DType, string>> = {
  float32: "FloatStorage",
  float64: "DoubleStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int64: "LongStorage",
  int32: "IntStorage",
  uint8: "ByteStorage",
  bool: "BoolStorage",
};

/**
 * A file as `torch.save(state_dict, path)` makes it since PyTorch 1.6, which `torch.load(path, weights_only=True)` opens: an
 * ordered dict of contiguous tensors on the CPU. The metadata lies in an entry that PyTorch passes over.
 *
 * @throws ArgumentError when the file would be 4 GiB or larger
 */
export function encodeTorchFile(
  tensors: ReadonlyMap<string, FileTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const part = (name: string, bytes: Uint8Array): ZipPart => ({
    name: `archive/${name}`,
    size: bytes.length,
    read: () => bytes,
  });
  const data = [...tensors.values()].map(({ bytes, read }, i) => ({ name: `archive/data/${i}`, size: bytes, read }));
  return encodeZip([
    part("data.pkl", pickleOf(tensors)),
    part("byteorder", Buffer.from("little")),
    ...data,
    part("version", Buffer.from("3\n")),
    part(metadataName, Buffer.from(JSON.stringify(metadata))),
  ]);
}

/** The structure, protocol 2: `OrderedDict` of `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`. */
function pickleOf(tensors: ReadonlyMap<string, FileTensor>): Uint8Array {
  const out: Uint8Array[] = [];
  const bytes = (...values: number[]) => void out.push(Uint8Array.from(values));
  const global = (module: string, name: string) =>
    void out.push(Uint8Array.of(op.global), Buffer.from(`${module}\n${name}\n`));
  const text = (value: string) => {
    if (/\p{Surrogate}/u.test(value)) throw new ArgumentError(`${JSON.stringify(value)} cannot be written as UTF-8`);
    const encoded = Buffer.from(value);
    const head = Buffer.of(op.binUnicode, 0, 0, 0, 0);
    head.writeUInt32LE(encoded.length, 1);
    out.push(head, encoded);
  };
  const integer = (value: number) => {
    // Eight bytes hold every whole number that a size can be.
    const head = Buffer.alloc(10);
    head.set([op.long1, 8]);
    head.writeBigInt64LE(BigInt(value), 2);
    out.push(head);
  };
  const integers = (values: readonly number[]) => {
    bytes(op.mark);
    for (const value of values) integer(value);
    bytes(op.tuple);
  };
  const orderedDict = () => {
    global("collections", "OrderedDict");
    bytes(op.emptyTuple, op.reduce);
  };

  bytes(op.protocol, 2);
  orderedDict();
  bytes(op.mark);
  for (const [i, [name, { dtype, shape }]] of [...tensors].entries()) {
    const storage = storages[dtype];
    if (!storage) throw new ArgumentError(`tensor ${JSON.stringify(name)}: a file cannot hold the dtype ${dtype}`);
    text(name);
    global("torch._utils", "_rebuild_tensor_v2");
    bytes(op.mark, op.mark);
    text("storage");
    global("torch", storage);
    text(String(i));
    text("cpu");
    integer(shape.reduce((product, size) => product * size, 1));
    bytes(op.tuple, op.binPersistentId);
    integer(0);
    integers(shape);
    integers(shape.map((_, d) => shape.slice(d + 1).reduce((product, size) => product * Math.max(size, 1), 1)));
    bytes(op.newFalse);
    orderedDict();
    bytes(op.tuple, op.reduce);
  }
  bytes(op.setItems, op.stop);
  return Buffer.concat(out);
}
