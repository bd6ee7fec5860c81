import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FileError, messageOf } from "../../errors.js";
import { ImageSet } from "../image-set.js";
import { interleave, PLANE, type RawBatch, SIDE } from "./cifar-batch.js";
import { readPythonBatch, readPythonNames } from "./cifar-python.js";
import { isFile } from "./scan.js";

/** The two sets of Krizhevsky 2009. */
export type CifarName = "cifar10" | "cifar100";

/** CIFAR-100's labels: 100 classes, or the 20 superclasses of five each. */
export type CifarLabels = "fine" | "coarse";

/** A folder of the official archives. */
interface Layout {
  readonly name: CifarName;
  readonly format: "binary" | "python";
  /** What the archive unpacks to. */
  readonly folder: string;
  /** The file with the names of the classes, by which the folder is known; and others, of which there must be one. */
  readonly names: string;
  readonly beside?: readonly string[];
  readonly train: RegExp;
  readonly test: string;
}

const LAYOUTS: readonly Layout[] = [
  {
    name: "cifar10",
    format: "binary",
    folder: "cifar-10-batches-bin",
    names: "batches.meta.txt",
    train: /^data_batch_\d+\.bin$/,
    test: "test_batch.bin",
  },
  {
    name: "cifar10",
    format: "python",
    folder: "cifar-10-batches-py",
    names: "batches.meta",
    train: /^data_batch_\d+$/,
    test: "test_batch",
  },
  {
    name: "cifar100",
    format: "binary",
    folder: "cifar-100-binary",
    names: "fine_label_names.txt",
    train: /^train\.bin$/,
    test: "test.bin",
  },
  {
    name: "cifar100",
    format: "python",
    folder: "cifar-100-python",
    names: "meta",
    beside: ["train", "test"],
    train: /^train$/,
    test: "test",
  },
];

const TITLES: Readonly<Record<CifarName, string>> = { cifar10: "CIFAR-10", cifar100: "CIFAR-100" };

/** Which of the sets a folder holds. */
export interface CifarFolder {
  readonly name: CifarName;
  readonly format: "binary" | "python";
  /** Where the files are. */
  readonly folder: string;
}

/**
 * The folders of CIFAR's files that a path means: itself, or those inside it that the archives unpack to. Where both the
 * binary and the Python version of a set are there, the binary one.
 */
export function cifarFoldersIn(path: string): CifarFolder[] {
  return (["cifar10", "cifar100"] as const).flatMap((name) => {
    const found = findLayout(path, name);
    return found ? [{ name, format: found.layout.format, folder: found.folder }] : [];
  });
}

function findLayout(path: string, name: CifarName): { layout: Layout; folder: string } | undefined {
  for (const inside of [false, true]) {
    for (const layout of LAYOUTS) {
      const folder = inside ? join(path, layout.folder) : path;
      const { beside } = layout;
      if (layout.name !== name || !isFile(join(folder, layout.names))) continue;
      if (!beside || beside.some((file) => isFile(join(folder, file)))) return { layout, folder };
    }
  }
  return undefined;
}

/**
 * A part of CIFAR-10 or CIFAR-100 (Krizhevsky 2009) in the official binary or Python layout, 32 by 32 pixels. Of the
 * training batches those that are there are read. The names of images are `test_batch/17` and the like, the same in both
 * layouts. Python's files are read as data, and nothing in them is run.
 *
 * @param path the folder, or the one that holds what the archive unpacks to
 * @param options.labels of CIFAR-100; default `"fine"`
 * @throws FileError when it is no such folder, or a file is missing, damaged or of another layout
 */
export function openCifar(
  path: string,
  name: CifarName,
  part: "train" | "test",
  options: { readonly labels?: CifarLabels } = {},
): ImageSet {
  const title = TITLES[name];
  const found = findLayout(path, name);
  if (!found) {
    const layouts = LAYOUTS.filter((layout) => layout.name === name);
    throw new FileError(path, `is no folder of ${title}: it has no ${layouts.map(({ names }) => names).join(" or ")}`, {
      hint: `Unpack ${title}'s archive, and name the folder that holds ${layouts[0]?.folder}/.`,
    });
  }
  const { layout, folder } = found;
  const { labels = "fine" } = options;
  const classes = readClasses(folder, layout, labels);
  const files =
    part === "test"
      ? [layout.test]
      : readdirSync(folder)
          .filter((file) => layout.train.test(file))
          .sort();
  if (files.length === 0) throw new FileError(folder, `holds no ${name === "cifar10" ? "data_batch" : "train"} file`);

  const read = layout.format === "binary" ? readBinaryBatch : readPythonBatch;
  const batches = files.map((file) => read(join(folder, file), name, labels));
  const count = batches.reduce((sum, batch) => sum + batch.labels.length, 0);
  const pixels = new Uint8Array(count * 3 * PLANE);
  const all = new Uint8Array(count);
  const names: string[] = [];
  for (const [i, batch] of batches.entries()) {
    const file = files[i] as string;
    for (const [record, label] of batch.labels.entries()) {
      if (label >= classes.length) {
        const range = `${title} has 0 to ${classes.length - 1}`;
        throw new FileError(join(folder, file), `record ${record} has label ${label}; ${range}`);
      }
      all[names.length] = label;
      interleave(batch, record, pixels, names.length * 3 * PLANE);
      names.push(`${file.replace(/\.bin$/, "")}/${record}`);
    }
  }
  return new ImageSet({
    name: `${title}/${part}`,
    classes,
    sizes: { width: SIDE, height: SIDE },
    pixels,
    labels: all,
    names,
  });
}

function readClasses(folder: string, layout: Layout, labels: CifarLabels): string[] {
  const coarse = layout.name === "cifar100" && labels === "coarse";
  const wanted = layout.name === "cifar10" ? 10 : coarse ? 20 : 100;
  const path = join(folder, coarse ? layout.names.replace("fine", "coarse") : layout.names);
  const classes =
    layout.format === "python"
      ? readPythonNames(path, layout.name === "cifar10" ? "label_names" : `${labels}_label_names`)
      : Buffer.from(readFile(path)).toString("utf8").split(/\r?\n/).filter(Boolean);
  if (classes.length === wanted) return classes;
  throw new FileError(path, `names ${classes.length} classes, not ${wanted}`);
}

/** A byte of label, or with CIFAR-100 one of coarse and one of fine label, then the red, the green and the blue plane. */
function readBinaryBatch(path: string, name: CifarName, labels: CifarLabels): RawBatch {
  const bytes = readFile(path);
  const prefix = name === "cifar10" ? 1 : 2;
  const record = prefix + 3 * PLANE;
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new FileError(path, `has ${bytes.length} bytes, which are no whole number of records of ${record}`, {
      hint: "Is it truncated, or another version of CIFAR?",
    });
  }
  const at = name === "cifar100" && labels === "fine" ? 1 : 0;
  const own = Uint8Array.from({ length: bytes.length / record }, (_, i) => bytes[i * record + at] as number);
  return { labels: own, planes: bytes, start: prefix, step: record };
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
}
