import { FileError } from "../errors.js";
import {
  ByteReader,
  count,
  isObject,
  type PickleStorage,
  type PickleTuple,
  type PickleValue,
  readPickle,
} from "../pickle/index.js";
import type { ByteSource } from "./file-reader.js";
import type { StorageBytes } from "./torch-file.js";
import { ZipReader } from "./zip-reader.js";

/** Where PyTorch files that we write keep their metadata; PyTorch passes it over. */
export const metadataName = "extra/fovea.json";

/** What a file of `torch.save` holds, and how to get at the storages. */
export interface TorchContent {
  root: PickleValue;
  find(storage: PickleStorage): StorageBytes | undefined;
  /** Text that we wrote into the file; undefined in files of others. */
  note: string | undefined;
}

const mostNote = 2 ** 24;

/**
 * Opens the format of `torch.save` since PyTorch 1.6: a zip archive with the structure as a pickle, `NAME/data.pkl`, and
 * every storage as an entry, `NAME/data/KEY`.
 *
 * @throws FileError
 */
export function openTorchZip(file: ByteSource): TorchContent {
  const zip = new ZipReader(file);
  const pickles = zip.names.filter((name) => /^[^/]*\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new FileError(file.path, `is a zip archive with ${pickles.length} entries data.pkl, no file of torch.save`);
  }
  const root = pickle.slice(0, -"data.pkl".length);
  if (zip.size(`${root}constants.pkl`) !== undefined) {
    throw new FileError(file.path, "is a TorchScript program, not a file of weights", {
      hint: "In PyTorch: torch.save(torch.jit.load(path).state_dict(), other).",
    });
  }
  const order = `${root}byteorder`;
  if (zip.size(order) !== undefined && Buffer.from(zip.read(order, 0, 6)).toString("latin1") !== "little") {
    throw new FileError(file.path, "was written big-endian; only little-endian files are read", {
      hint: "Save it again on a little-endian machine.",
    });
  }
  const note = `${root}${metadataName}`;
  const noteSize = zip.size(note);
  if (noteSize !== undefined && noteSize > mostNote)
    throw new FileError(file.path, `has metadata of ${noteSize} bytes`);
  const reader = new ByteReader(
    file.path,
    "data.pkl",
    (at, n) => zip.read(pickle, at, at + n),
    0,
    zip.size(pickle) ?? 0,
  );
  return {
    root: readPickle(reader, { persistent: storageOf }),
    find: ({ key }) => {
      const name = `${root}data/${key}`;
      const size = zip.size(name);
      return size === undefined ? undefined : { size, read: (from, to) => zip.read(name, from, to) };
    },
    note: noteSize === undefined ? undefined : Buffer.from(zip.read(note)).toString("utf8"),
  };
}

/** `("storage", type, key, device, length)` */
function storageOf({ items }: PickleTuple): PickleValue | undefined {
  const [what, type, key, , numel] = items;
  const length = count(numel);
  if (what !== "storage" || !isObject(type, "storage type") || typeof key !== "string" || length === undefined) {
    return undefined;
  }
  return { kind: "storage", key, type: type.type, length, start: 0 };
}
