import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FileError, messageOf } from "../errors.js";
import { ImageSet } from "./image-set.js";
import { resizeRgb } from "./resize.js";

const SIDE = 32;
const PLANE = SIDE * SIDE;
/** A byte of label, then the red, the green and the blue plane. */
const RECORD = 1 + 3 * PLANE;
const FOLDER = "cifar-10-batches-bin";
const CLASSES = 10;

/** The folder of CIFAR-10's binary files that a path means: itself, or the one inside that the archive unpacks to. */
export function cifar10FolderIn(path: string): string | undefined {
  return [path, join(path, FOLDER)].find((folder) => existsSync(join(folder, "batches.meta.txt")));
}

/**
 * CIFAR-10 in its official binary layout (Krizhevsky 2009): `data_batch_1.bin` … and `test_batch.bin`, records of a label
 * and 3072 bytes, and `batches.meta.txt` with the names of the classes. Of the training batches those that are there are
 * read. The names are `test_batch.bin/17` and the like.
 *
 * @param path the folder, or the one that holds `cifar-10-batches-bin/`
 * @param options.size pixels of a side, to which images are resized (bicubic); default 32, as they are
 * @throws FileError when it is no such folder, or a file is missing, damaged or of another layout
 */
export function loadCifar10(path: string, part: "train" | "test", options: { size?: number } = {}): ImageSet {
  const { size = SIDE } = options;
  const folder = cifar10FolderIn(path);
  if (folder === undefined) {
    throw new FileError(path, "is not CIFAR-10's binary folder: it has no batches.meta.txt", {
      hint: `Unpack cifar-10-binary.tar.gz, and name the folder that holds ${FOLDER}/.`,
    });
  }
  const files =
    part === "test"
      ? ["test_batch.bin"]
      : readdirSync(folder)
          .filter((name) => /^data_batch_\d+\.bin$/.test(name))
          .sort();
  if (files.length === 0) throw new FileError(folder, "holds no data_batch_*.bin");
  const batches = files.map((name) => ({ name, bytes: readBatch(join(folder, name)) }));
  const count = batches.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0);

  const pixels = new Uint8Array(count * 3 * size * size);
  const image = new Uint8Array(3 * PLANE);
  const labels = new Uint8Array(count);
  const names: string[] = [];
  for (const { name, bytes } of batches) {
    for (let at = 0; at < bytes.length; at += RECORD) {
      const label = bytes[at] as number;
      if (label >= CLASSES) {
        throw new FileError(join(folder, name), `record ${at / RECORD} has label ${label}; CIFAR-10 has 0 to 9`);
      }
      labels[names.length] = label;
      interleave(bytes.subarray(at + 1, at + RECORD), image);
      const resized = resizeRgb(image, { width: SIDE, height: SIDE }, { width: size, height: size });
      pixels.set(resized, names.length * 3 * size * size);
      names.push(`${name}/${at / RECORD}`);
    }
  }
  const classes = readClasses(join(folder, "batches.meta.txt"));
  return new ImageSet({ name: `CIFAR-10 ${part}`, classes, width: size, height: size, pixels, labels, names });
}

function readBatch(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
  if (bytes.length > 0 && bytes.length % RECORD === 0) return bytes;
  throw new FileError(path, `has ${bytes.length} bytes, which are no whole number of records of ${RECORD}`, {
    hint: "Is it truncated, or CIFAR-100, or the Python version?",
  });
}

function readClasses(path: string): string[] {
  const classes = readFileSync(path, "utf8").split(/\r?\n/).filter(Boolean);
  if (classes.length === CLASSES) return classes;
  throw new FileError(path, `names ${classes.length} classes, not ${CLASSES}`);
}

/** Planes of channels to pixels of three bytes. */
function interleave(planes: Uint8Array, out: Uint8Array): void {
  for (let p = 0, o = 0; p < PLANE; p++, o += 3) {
    out[o] = planes[p] as number;
    out[o + 1] = planes[p + PLANE] as number;
    out[o + 2] = planes[p + 2 * PLANE] as number;
  }
}
