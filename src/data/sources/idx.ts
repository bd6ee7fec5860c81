import { readFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { FileError, messageOf } from "../../errors.js";
import { ImageSet } from "../image-set.js";
import { isFile } from "./scan.js";

/** The sets in MNIST's file format that are known by name. */
export type IdxName = "mnist" | "fashion_mnist";

const SETS: Readonly<Record<IdxName, { readonly title: string; readonly classes: readonly string[] }>> = {
  mnist: { title: "MNIST", classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] },
  fashion_mnist: {
    title: "Fashion-MNIST",
    classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
  },
};

/** How files begin, by part. */
const PARTS = { train: "train", test: "t10k" } as const;
/** What files hold: unsigned bytes in one dimension, or in three. */
const KINDS = { labels: { dimensions: 1, magic: 0x0801 }, images: { dimensions: 3, magic: 0x0803 } } as const;
type Kind = keyof typeof KINDS;

/** Where torchvision keeps the files, below the folder that it is given. */
const INSIDE = ["", "raw", "MNIST/raw", "FashionMNIST/raw"];
/** Above all sets that come in this format; `[N, H, W, 3]` must fit in one array. */
const mostValues = 2 ** 30;

/** The folder of IDX files that a path means: itself, or one inside it where torchvision keeps them. */
export function idxFolderIn(path: string): string | undefined {
  return INSIDE.map((inside) => join(path, inside)).find((folder) =>
    Object.keys(PARTS).some((part) => fileOf(folder, part === "test" ? "test" : "train", "images") !== undefined),
  );
}

/**
 * A part of MNIST (LeCun et al. 1998) or Fashion-MNIST (Xiao et al. 2017) in the IDX format, plain or as `.gz`. The files
 * are named `train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte` and so on, or with a dot in place of the second dash.
 *
 * Images are grey; here red, green and blue are that grey, as everywhere. The names of images are `test/17` and the like.
 *
 * @param path the folder, or one that torchvision keeps it in
 * @throws FileError when a file is missing, truncated, too long, of another format, or the two do not fit together
 */
export function openIdx(path: string, name: IdxName, part: "train" | "test"): ImageSet {
  const { title, classes } = SETS[name];
  const folder = idxFolderIn(path) ?? path;
  const labels = readIdx(folder, part, "labels");
  const count = labels.sides[0] ?? 0;
  const images = readIdx(folder, part, "images", count);
  const [, height = 0, width = 0] = images.sides;
  const wrong = labels.values.findIndex((label) => label >= classes.length);
  if (wrong >= 0) {
    throw new FileError(labels.path, `image ${wrong} has label ${labels.values[wrong]}; ${title} has 0 to 9`);
  }
  const pixels = new Uint8Array(3 * images.values.length);
  for (let i = 0, o = 0; i < images.values.length; i++) {
    const grey = images.values[i] as number;
    pixels[o++] = grey;
    pixels[o++] = grey;
    pixels[o++] = grey;
  }
  const names = Array.from({ length: count }, (_, i) => `${part}/${i}`);
  return new ImageSet({
    name: `${title}/${part}`,
    classes,
    sizes: { width, height },
    pixels,
    labels: labels.values,
    names,
  });
}

/** A file's path, where it is there: `train-images-idx3-ubyte.gz` and its variants. */
function fileOf(folder: string, part: "train" | "test", kind: Kind): string | undefined {
  const { dimensions } = KINDS[kind];
  const names = ["-", "."].map((mark) => `${PARTS[part]}-${kind}${mark}idx${dimensions}-ubyte`);
  return names.flatMap((name) => [join(folder, name), join(folder, `${name}.gz`)]).find(isFile);
}

interface Idx {
  readonly path: string;
  readonly sides: readonly number[];
  /** Row-major. */
  readonly values: Uint8Array;
}

/** @param count how many there must be, where that is known */
function readIdx(folder: string, part: "train" | "test", kind: Kind, count?: number): Idx {
  const { dimensions, magic } = KINDS[kind];
  const path = fileOf(folder, part, kind);
  if (path === undefined) {
    throw new FileError(folder, `has no ${PARTS[part]}-${kind}-idx${dimensions}-ubyte, plain or as .gz`);
  }
  const raw = readFile(path);
  const header = 4 + 4 * dimensions;
  const head = Buffer.from(path.endsWith(".gz") ? unzipped(path, raw, header, "beginning") : raw.subarray(0, header));
  if (head.length >= 4 && head.readUInt32BE(0) !== magic) {
    const found = head.subarray(0, 4).toString("hex");
    throw new FileError(
      path,
      `is no IDX file of ${kind}: it begins with ${found}, not ${magic.toString(16).padStart(8, "0")}`,
    );
  }
  if (head.length < header) throw new FileError(path, `is cut off: it ends within its first ${header} bytes`);
  const sides = Array.from({ length: dimensions }, (_, i) => head.readUInt32BE(4 + 4 * i));
  const values = sides.reduce((product, side) => product * side, 1);
  if (values > mostValues) throw new FileError(path, `says that it has ${sides.join(" x ")} values, which is too many`);
  if (values === 0) throw new FileError(path, `says that it has ${sides.join(" x ")} values`);
  if (count !== undefined && sides[0] !== count) {
    throw new FileError(path, `has ${sides[0]} images, but there are ${count} labels`);
  }
  // No more is unpacked than the header says, whatever the file would grow to.
  const whole = path.endsWith(".gz") ? unzipped(path, raw, header + values, "all") : raw;
  if (whole.length !== header + values) {
    const cut = whole.length < header + values ? "is cut off: it" : "is too long: it";
    throw new FileError(path, `${cut} has ${whole.length} bytes, not the ${header + values} that its header says`);
  }
  return { path, sides, values: whole.subarray(header) };
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
}

/**
 * The first bytes of a gzip file, or all of one that has so many. A first part of the file is enough for the beginning.
 *
 * @throws FileError when it is damaged, cut off, or longer
 */
function unzipped(path: string, bytes: Uint8Array, length: number, what: "beginning" | "all"): Uint8Array {
  try {
    if (what === "all") return gunzipSync(bytes, { maxOutputLength: length });
    // So many bytes unpack to 4 MiB at most, and hold the header whatever name the file was packed under.
    const start = bytes.subarray(0, 4096);
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, length);
  } catch (cause) {
    const tooLong = cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
    const reason = tooLong
      ? `unpacks to more than the ${length} bytes that its header says`
      : `could not be unpacked (${messageOf(cause)})`;
    throw new FileError(path, reason, { cause, hint: "Download it again." });
  }
}
