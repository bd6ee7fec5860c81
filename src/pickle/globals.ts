import {
  type AllowedGlobal,
  type Build,
  count,
  counts,
  isObject,
  type PickleDict,
  type PickleTensor,
  type PickleValue,
  type StorageType,
} from "./values.js";

/**
 * Everything of Python's that a file of weights may name, by `module.name`. What is built of it is data in the form of
 * `values.ts`; no name leads to code that the file chooses.
 */
const allowed = new Map<string, AllowedGlobal>();

/** @returns undefined for all that is not on the list */
export function findGlobal(name: string): AllowedGlobal | undefined {
  return allowed.get(name);
}

const storages: Readonly<Record<string, StorageType>> = {
  DoubleStorage: { dtype: "float64", itemSize: 8 },
  FloatStorage: { dtype: "float32", itemSize: 4 },
  HalfStorage: { dtype: "float16", itemSize: 2 },
  BFloat16Storage: { dtype: "bfloat16", itemSize: 2 },
  LongStorage: { dtype: "int64", itemSize: 8 },
  IntStorage: { dtype: "int32", itemSize: 4 },
  ShortStorage: { dtype: "int16", itemSize: 2 },
  CharStorage: { dtype: "int8", itemSize: 1 },
  ByteStorage: { dtype: "uint8", itemSize: 1 },
  BoolStorage: { dtype: "bool", itemSize: 1 },
  ComplexFloatStorage: { dtype: "complex64", itemSize: 8 },
  ComplexDoubleStorage: { dtype: "complex128", itemSize: 16 },
};
for (const [name, type] of Object.entries(storages)) {
  for (const module of ["torch", "torch.cuda"]) {
    allowed.set(`${module}.${name}`, { kind: "storage type", name: `${module}.${name}`, type });
  }
}

const dtypes =
  "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex32 complex64 complex128";
const names = [
  ...dtypes.split(" ").map((dtype) => `torch.${dtype}`),
  // Lightning before 1.5 keeps the state of its callbacks under their classes.
  ...["model_checkpoint.ModelCheckpoint", "early_stopping.EarlyStopping", "lr_monitor.LearningRateMonitor"].map(
    (name) => `pytorch_lightning.callbacks.${name}`,
  ),
];
for (const name of names) allowed.set(name, { kind: "name", name });

const builders: Readonly<Record<string, Build>> = {
  "collections.OrderedDict": (args) => dictOf(args, "dropped"),
  "argparse.Namespace": (args) => dictOf(args, "entries"),
  "pytorch_lightning.utilities.parsing.AttributeDict": (args) => dictOf(args, "dropped"),
  "lightning_fabric.utilities.data.AttributeDict": (args) => dictOf(args, "dropped"),
  "lightning.fabric.utilities.data.AttributeDict": (args) => dictOf(args, "dropped"),
  "lightning_utilities.core.rank_zero.AttributeDict": (args) => dictOf(args, "dropped"),
  "builtins.set": setOf,
  "__builtin__.set": setOf,
  "torch.Size": ([sizes]) => (counts(sizes) ? sizes : undefined),
  "torch.device": ([type, index]) => {
    if (typeof type !== "string" || type.length > 64) return undefined;
    return index === undefined ? type : `${type}:${count(index) ?? "?"}`;
  },
  // How protocol 2 spells bytes.
  "_codecs.encode": ([text, encoding]) =>
    typeof text === "string" && encoding === "latin1" ? new Uint8Array(Buffer.from(text, "latin1")) : undefined,
  "torch._utils._rebuild_tensor": tensorOf,
  "torch._utils._rebuild_tensor_v2": tensorOf,
  "torch._utils._rebuild_parameter": ([data]) => (isObject(data, "tensor") ? data : undefined),
  "torch._utils._rebuild_parameter_with_state": ([data]) => (isObject(data, "tensor") ? data : undefined),
  "torch.nn.parameter.Parameter": ([data]) => (isObject(data, "tensor") ? data : undefined),
};
for (const [name, build] of Object.entries(builders)) allowed.set(name, { kind: "builder", name, build });

/** Of nothing, or of pairs, as Python 2 writes ordered dicts. */
function dictOf([pairs, ...others]: readonly PickleValue[], attributes: PickleDict["attributes"]) {
  if (others.length > 0) return undefined;
  const entries = new Map<PickleValue, PickleValue>();
  if (isObject(pairs, "dict")) for (const [key, value] of pairs.entries) entries.set(key, value);
  else if (isObject(pairs, "list")) {
    for (const pair of pairs.items) {
      if (!isObject(pair, "list") && !isObject(pair, "tuple")) return undefined;
      const [key, value] = pair.items;
      if (key === undefined || value === undefined) return undefined;
      entries.set(key, value);
    }
  } else if (pairs !== undefined) return undefined;
  return { kind: "dict", entries, attributes } satisfies PickleDict;
}

function setOf([items]: readonly PickleValue[]): PickleValue | undefined {
  return isObject(items, "list") ? { kind: "set", items: new Set(items.items) } : undefined;
}

/** `(storage, offset, size, stride, …)`; whether it had a gradient, and hooks, are no business of a file of weights. */
function tensorOf([storage, start, size, stride]: readonly PickleValue[]): PickleTensor | undefined {
  const offset = count(start);
  const shape = counts(size);
  const strides = counts(stride);
  if (!isObject(storage, "storage") || offset === undefined || !shape || !strides) return undefined;
  if (shape.length !== strides.length) return undefined;
  return { kind: "tensor", storage, offset, shape, strides };
}
