import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { AtomicFile } from "../files.js";
import { nativeImages } from "./native.js";

/**
 * A file of decoded images: 32 bytes of head, the RGB pixels of one image after the other, and JSON that says which images
 * they are. The head is `FOVEPACK`, the version, the CRC-32 of the pixels (both uint32), where the JSON begins and its
 * length (both uint64); all little-endian.
 */
const MAGIC = "FOVEPACK";
const VERSION = 1;
const HEAD = 32;

const imageSchema = z.object({
  /** Bytes, and the times of the last change of content and of anything, in nanoseconds; absent: there was no such file. */
  stamp: z.string(),
  /** SHA-256 of the file's bytes; empty: it could not be read. */
  hash: z.string(),
  width: z.int().min(0),
  height: z.int().min(0),
  /** Why there are no pixels of it. */
  reason: z.string().optional(),
});

/** What a pack knows of one source file. */
export type PackedImage = z.infer<typeof imageSchema>;

const indexSchema = z.array(imageSchema);

/** Writes a pack as its images come. */
export class PackWriter {
  readonly #file: AtomicFile;
  readonly #images: PackedImage[] = [];
  #crc = 0;

  /** @throws FileError when the place cannot be written */
  constructor(path: string) {
    this.#file = new AtomicFile(path);
    this.#file.write(new Uint8Array(HEAD));
  }

  /** @param pixels none where the image has a `reason` @throws FileError when the disk does not take it */
  add(image: PackedImage, pixels: Uint8Array): void {
    this.#images.push(image);
    this.#crc = crc32(pixels, this.#crc);
    this.#file.write(pixels);
  }

  /** @throws FileError */
  commit(): void {
    const begin = this.#file.size;
    const index = Buffer.from(JSON.stringify(this.#images));
    this.#file.write(index);
    const head = Buffer.alloc(HEAD);
    head.write(MAGIC, "latin1");
    head.writeUInt32LE(VERSION, 8);
    head.writeUInt32LE(this.#crc, 12);
    head.writeBigUInt64LE(BigInt(begin), 16);
    head.writeBigUInt64LE(BigInt(index.length), 24);
    this.#file.write(head, 0);
    this.#file.commit();
  }

  discard(): void {
    this.#file.discard();
  }
}

/** A pack that was read. */
export interface Pack {
  readonly images: readonly PackedImage[];
  /** Of all images, one after the other: a mapped file. */
  readonly pixels: Uint8Array;
}

/** The images that a pack says it holds; undefined when there is none, or it is not whole. */
export function readPackIndex(path: string): readonly PackedImage[] | undefined {
  const head = Buffer.alloc(HEAD);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    if (readSync(file, head, 0, HEAD, 0) < HEAD) return undefined;
    if (head.toString("latin1", 0, 8) !== MAGIC || head.readUInt32LE(8) !== VERSION) return undefined;
    const [begin, length] = [Number(head.readBigUInt64LE(16)), Number(head.readBigUInt64LE(24))];
    if (begin < HEAD || begin + length !== fstatSync(file).size) return undefined;
    const json = Buffer.alloc(length);
    readSync(file, json, 0, length, begin);
    const images = indexSchema.parse(JSON.parse(json.toString("utf8")));
    const bytes = images.reduce((sum, { width, height }) => sum + width * height * 3, 0);
    return bytes === begin - HEAD ? images : undefined;
  } catch {
    // A pack is a copy: a damaged one is made anew.
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** The pack at a path, mapped into memory; undefined when there is none, or it is damaged. */
export function openPack(path: string): Pack | undefined {
  const images = readPackIndex(path);
  if (images === undefined) return undefined;
  const bytes = nativeImages().map(path);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD);
  const pixels = bytes.subarray(HEAD, Number(head.readBigUInt64LE(16)));
  return crc32(pixels) === head.readUInt32LE(12) ? { images, pixels } : undefined;
}
