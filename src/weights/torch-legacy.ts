import { FileError } from "../errors.js";
import { ByteReader, count, isObject, type PickleTuple, type PickleValue, readPickle } from "../pickle/index.js";
import type { ByteSource } from "./file-reader.js";
import type { StorageBytes } from "./torch-file.js";
import type { TorchContent } from "./torch-zip.js";

/** The first pickle of the file. */
const magic = 0x1950a86a20f9469cfc6cn;

/**
 * Opens the format of `torch.save` before PyTorch 1.6: one after the other as pickles a magic number, a version, facts about
 * the machine, the structure, the keys of the storages; then every storage as its length and its bytes.
 *
 * @throws FileError
 */
export function openTorchLegacy(file: ByteSource): TorchContent {
  const reader = new ByteReader(file.path, "the pickle", (at, length) => file.read(at, length), 0, file.size);
  if (readPickle(reader) !== magic) throw new FileError(file.path, "is a pickle, but not one of PyTorch");
  const version = readPickle(reader);
  if (version !== 1001) throw new FileError(file.path, `is a PyTorch file of version ${String(version)}; 1001 is read`);
  const machine = readPickle(reader);
  if (!isObject(machine, "dict") || machine.entries.get("little_endian") !== true) {
    throw new FileError(file.path, "was written big-endian; only little-endian files are read", {
      hint: "Save it again on a little-endian machine.",
    });
  }
  const itemSizes = new Map<string, number>();
  const root = readPickle(reader, { persistent: (id) => storageOf(id, itemSizes) });
  const keys = readPickle(reader);
  if (!isObject(keys, "list")) throw new FileError(file.path, "has no list of storages");

  const storages = new Map<string, StorageBytes>();
  let at = reader.position;
  for (const key of keys.items) {
    const itemSize = typeof key === "string" ? itemSizes.get(key) : undefined;
    if (typeof key !== "string" || itemSize === undefined || storages.has(key)) {
      throw new FileError(file.path, "has a damaged list of storages");
    }
    const length = Buffer.from(file.read(at, 8)).readBigInt64LE();
    const start = at + 8;
    const size = Number(length) * itemSize;
    if (length < 0n || start + size > file.size) {
      const what = `storage ${JSON.stringify(key)} of ${length} elements at byte ${start}`;
      throw new FileError(file.path, `is cut off or damaged: it ends at byte ${file.size}, within ${what}`);
    }
    storages.set(key, { size, read: (from, to) => file.read(start + from, to - from) });
    at = start + size;
  }
  return { root, find: ({ key }) => storages.get(key), note: undefined };
}

/** `("storage", type, key, device, length, view)`; before PyTorch 0.4, a view is `(key, offset, length)`. */
function storageOf({ items }: PickleTuple, itemSizes: Map<string, number>): PickleValue | undefined {
  const [what, type, key, , numel, view] = items;
  const length = count(numel);
  if (what !== "storage" || !isObject(type, "storage type") || typeof key !== "string" || length === undefined) {
    return undefined;
  }
  const { itemSize } = type.type;
  if ((itemSizes.get(key) ?? itemSize) !== itemSize) return undefined;
  itemSizes.set(key, itemSize);
  const start = isObject(view, "tuple") ? count(view.items[1]) : 0;
  return start === undefined ? undefined : { kind: "storage", key, type: type.type, length, start };
}
