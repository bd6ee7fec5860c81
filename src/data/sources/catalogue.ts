import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { cacheFolder, type DownloadOptions, download } from "../../download/index.js";
import { ArgumentError } from "../../errors.js";
import type { CifarName } from "./cifar.js";
import type { IdxName } from "./idx.js";
import { unpackTarGz } from "./unpack.js";

/** A set of images that is published, and how it comes. */
export interface PublishedData {
  readonly name: string;
  readonly files: readonly PublishedFile[];
  /** What is in the one file, where that is a `.tar.gz`. */
  readonly archive?: {
    /** The one folder in it. */
    readonly folder: string;
    /** The files in that folder that are wanted, and the most bytes of each. */
    readonly files: Readonly<Record<string, number>>;
  };
}

/** A file at a public address; where it is published, its size and checksum are. */
export interface PublishedFile {
  readonly url: string;
  readonly bytes: number;
  readonly md5: string;
}

const TEXT = 4096;
const CIFAR10_BATCH = 10_000 * 3073;

/** From https://www.cs.toronto.edu/~kriz/cifar.html: the binary versions. */
const CIFAR = "https://www.cs.toronto.edu/~kriz/";
/** From https://github.com/zalandoresearch/fashion-mnist. Its addresses are http: the checksum is what makes it safe. */
const FASHION_MNIST = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
/** PyTorch's copy: the original address, yann.lecun.com, mostly refuses. The checksums are those of torchvision. */
const MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/";

const CATALOGUE: Readonly<Record<CifarName | IdxName, PublishedData>> = {
  cifar10: {
    name: "cifar10",
    files: [{ url: `${CIFAR}cifar-10-binary.tar.gz`, bytes: 170_052_171, md5: "c32a1d4ab5d03f1284b67883e8d87530" }],
    archive: {
      folder: "cifar-10-batches-bin",
      files: {
        "batches.meta.txt": TEXT,
        "data_batch_1.bin": CIFAR10_BATCH,
        "data_batch_2.bin": CIFAR10_BATCH,
        "data_batch_3.bin": CIFAR10_BATCH,
        "data_batch_4.bin": CIFAR10_BATCH,
        "data_batch_5.bin": CIFAR10_BATCH,
        "test_batch.bin": CIFAR10_BATCH,
      },
    },
  },
  cifar100: {
    name: "cifar100",
    files: [{ url: `${CIFAR}cifar-100-binary.tar.gz`, bytes: 168_513_733, md5: "03b5dce01913d631647c71ecec9e9cb8" }],
    archive: {
      folder: "cifar-100-binary",
      files: {
        "coarse_label_names.txt": TEXT,
        "fine_label_names.txt": TEXT,
        "train.bin": 50_000 * 3074,
        "test.bin": 10_000 * 3074,
      },
    },
  },
  fashion_mnist: {
    name: "fashion_mnist",
    files: [
      {
        url: `${FASHION_MNIST}train-images-idx3-ubyte.gz`,
        bytes: 26_421_880,
        md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
      },
      { url: `${FASHION_MNIST}train-labels-idx1-ubyte.gz`, bytes: 29_515, md5: "25c81989df183df01b3e8a0aad5dffbe" },
      { url: `${FASHION_MNIST}t10k-images-idx3-ubyte.gz`, bytes: 4_422_102, md5: "bef4ecab320f06d8554ea6380940ec79" },
      { url: `${FASHION_MNIST}t10k-labels-idx1-ubyte.gz`, bytes: 5_148, md5: "bb300cfdad3c16e7a12a480ee83cd310" },
    ],
  },
  mnist: {
    name: "mnist",
    files: [
      { url: `${MNIST}train-images-idx3-ubyte.gz`, bytes: 9_912_422, md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873" },
      { url: `${MNIST}train-labels-idx1-ubyte.gz`, bytes: 28_881, md5: "d53e105ee54ea40749a09fcbcd1e9432" },
      { url: `${MNIST}t10k-images-idx3-ubyte.gz`, bytes: 1_648_877, md5: "9fb629c4189551a2d022fa330f9573f3" },
      { url: `${MNIST}t10k-labels-idx1-ubyte.gz`, bytes: 4_542, md5: "ec29112dd5afa0611ce80d1b7f02629c" },
    ],
  },
};

/** The names of the sets that are downloaded by name. */
export const PUBLISHED_DATA = Object.keys(CATALOGUE) as readonly (CifarName | IdxName)[];

/** @throws ArgumentError when there is no such set, listing those that there are */
export function publishedData(name: string): PublishedData {
  const found = Object.values(CATALOGUE).find((data) => data.name === name);
  if (found) return found;
  throw new ArgumentError(`there is no set named ${name}; there are ${PUBLISHED_DATA.join(", ")}`);
}

/**
 * A published set as a folder in the cache (see `cacheFolder`), downloaded if need be: the official files, checked, and
 * unpacked where they are an archive. With `FOVEA_DATA_MIRROR` they come from there: the address of a folder with a
 * folder for each set that holds its files under their names, such as `cifar10/cifar-10-binary.tar.gz`.
 *
 * @param options.onProgress called with the bytes that are there of all files, and how many there will be
 * @returns the folder's path
 * @throws DownloadError, FileError as `download`; FileError when an archive does not hold what it should
 */
export async function fetchData(
  data: PublishedData,
  options: Pick<DownloadOptions, "onProgress" | "signal"> = {},
): Promise<string> {
  const place = resolve(cacheFolder(), "data", data.name);
  const unpacked = data.archive && join(place, data.archive.folder);
  // It was put there whole, after its archive was checked.
  if (unpacked && existsSync(unpacked)) return unpacked;
  const mirror = process.env.FOVEA_DATA_MIRROR?.replace(/\/+$/, "");
  const total = data.files.reduce((sum, file) => sum + file.bytes, 0);
  let before = 0;
  const paths: string[] = [];
  for (const { url, bytes, md5 } of data.files) {
    const file = url.slice(url.lastIndexOf("/") + 1);
    const path = join(place, file);
    const start = before;
    await download(mirror ? `${mirror}/${data.name}/${file}` : url, {
      path,
      bytes,
      checksum: { algorithm: "md5", digits: md5 },
      onProgress: options.onProgress && ((done) => options.onProgress?.(start + done, total)),
      signal: options.signal,
    });
    before += bytes;
    paths.push(path);
  }
  const [archive] = paths;
  if (!unpacked || archive === undefined) return place;
  await unpackTarGz(archive, unpacked, data.archive.files);
  return unpacked;
}
