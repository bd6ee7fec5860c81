import { crc32, inflateRawSync } from "node:zlib";
import { FileError, messageOf } from "../errors.js";
import type { ByteSource } from "./file-reader.js";

const signature = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 };

/** Bytes of the checksum's input at once. */
const chunk = 1 << 22;

/** How many times the size of its file an entry may have. PyTorch stores; who compresses weights gains little. */
const mostInflation = 32;

interface Entry {
  name: string;
  size: number;
  compressedSize: number;
  deflated: boolean;
  crc: number;
  /** Where the entry's own header lies. */
  header: number;
}

/**
 * A zip archive, read by ranges (PKWARE's APPNOTE 6.3.10, with its 64-bit extension). Its checksums are compared before the
 * first byte of an entry is handed out.
 */
export class ZipReader {
  readonly #file: ByteSource;
  readonly #entries: ReadonlyMap<string, Entry>;
  /** False where PyTorch was told to compute no checksums (`set_crc32_options(False)`): it writes zeros. */
  readonly #checked: boolean;
  readonly #sound = new Set<string>();
  #inflated: { name: string; bytes: Uint8Array } | undefined;

  /** @throws FileError when the list of entries is damaged */
  constructor(file: ByteSource) {
    this.#file = file;
    this.#entries = readDirectory(file);
    this.#checked = [...this.#entries.values()].some((entry) => entry.crc !== 0);
  }

  /** In the order of the archive. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Bytes of an entry; undefined where there is none of this name. */
  size(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /**
   * Some bytes of an entry, or all.
   *
   * @throws FileError when there is no such entry, or its checksum is another
   */
  read(name: string, from = 0, to = this.size(name) ?? 0): Uint8Array {
    const entry = this.#entries.get(name);
    if (!entry) throw this.#error(name, "is missing");
    if (entry.deflated) return new Uint8Array(this.#inflate(entry).subarray(from, to));
    const start = this.#dataStart(entry);
    const whole = from === 0 && to === entry.size;
    if (!whole && !this.#sound.has(name)) this.#check(entry, this.#crcOf(start, entry.size));
    const bytes = this.#file.read(start + from, to - from);
    if (whole && !this.#sound.has(name)) this.#check(entry, crc32(bytes));
    return bytes;
  }

  #inflate(entry: Entry): Uint8Array {
    const { name, size, compressedSize } = entry;
    if (this.#inflated?.name === name) return this.#inflated.bytes;
    if (size > mostInflation * this.#file.size) {
      throw this.#error(name, `would grow to ${size} bytes, over ${mostInflation} times the size of the file`);
    }
    const packed = this.#file.read(this.#dataStart(entry), compressedSize);
    let bytes: Uint8Array;
    try {
      bytes = inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
    } catch (cause) {
      throw this.#error(name, `cannot be decompressed to ${size} bytes (${messageOf(cause)})`);
    }
    if (bytes.length !== size) throw this.#error(name, `decompresses to ${bytes.length} bytes in place of ${size}`);
    this.#check(entry, crc32(bytes));
    this.#inflated = { name, bytes };
    return bytes;
  }

  /** The entry's own header says how long it is itself; all else it repeats. */
  #dataStart({ name, header, compressedSize }: Entry): number {
    const bytes = view(this.#file.read(header, 30));
    if (bytes.getUint32(0, true) !== signature.local) throw this.#error(name, `has no header at byte ${header}`);
    const start = header + 30 + bytes.getUint16(26, true) + bytes.getUint16(28, true);
    if (start + compressedSize > this.#file.size) {
      throw this.#error(name, `should end at byte ${start + compressedSize}, the file ends at ${this.#file.size}`);
    }
    return start;
  }

  #crcOf(start: number, size: number): number {
    let crc = 0;
    for (let at = 0; at < size; at += chunk) {
      crc = crc32(this.#file.read(start + at, Math.min(chunk, size - at)), crc);
    }
    return crc;
  }

  #check({ name, crc }: Entry, actual: number): void {
    if (this.#checked && actual !== crc) throw this.#error(name, "is damaged: its checksum does not fit its bytes");
    this.#sound.add(name);
  }

  #error(name: string, message: string): FileError {
    return damaged(this.#file, `${JSON.stringify(name)} in the archive ${message}`);
  }
}

function readDirectory(file: ByteSource): Map<string, Entry> {
  const { count, offset, size } = findDirectory(file);
  const bytes = file.read(offset, size);
  const fields = view(bytes);
  const entries = new Map<string, Entry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || fields.getUint32(at, true) !== signature.central) {
      throw damaged(file, `its list of entries is damaged at entry ${i + 1} of ${count}`);
    }
    const nameEnd = at + 46 + fields.getUint16(at + 28, true);
    const extraEnd = nameEnd + fields.getUint16(at + 30, true);
    const end = extraEnd + fields.getUint16(at + 32, true);
    if (end > size) throw damaged(file, `its list of entries is cut off at entry ${i + 1} of ${count}`);
    const name = Buffer.from(bytes.subarray(at + 46, nameEnd)).toString("utf8");
    const shown = `${JSON.stringify(name)} in the archive`;
    const method = fields.getUint16(at + 10, true);
    if (fields.getUint16(at + 8, true) & 1) throw damaged(file, `${shown} is encrypted`);
    if (method !== 0 && method !== 8)
      throw damaged(file, `${shown} is compressed by method ${method}; 0 and 8 are read`);
    if (entries.has(name)) throw damaged(file, `${shown} occurs twice`);
    const long = readLong(
      {
        size: fields.getUint32(at + 24, true),
        compressedSize: fields.getUint32(at + 20, true),
        header: fields.getUint32(at + 42, true),
      },
      view(bytes.subarray(nameEnd, extraEnd)),
    );
    if (!long) throw damaged(file, `${shown} has sizes that are missing or too large`);
    if (method === 0 && long.size !== long.compressedSize) throw damaged(file, `${shown} has two sizes`);
    if (long.header + 30 + long.compressedSize > file.size) {
      throw damaged(
        file,
        `${shown} needs ${long.compressedSize} bytes from byte ${long.header}, it ends at ${file.size}`,
      );
    }
    entries.set(name, { name, ...long, deflated: method === 8, crc: fields.getUint32(at + 16, true) });
    at = end;
  }
  return entries;
}

/** Sizes that do not fit 32 bits stand in the extra field 1, in this order. @returns undefined where they do not */
function readLong<T extends Record<string, number>>(short: T, extra: DataView): T | undefined {
  const missing = Object.entries(short).filter(([, value]) => value === 0xffffffff);
  if (missing.length === 0) return short;
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue;
    if (extra.getUint16(at + 2, true) < 8 * missing.length || at + 4 + 8 * missing.length > extra.byteLength) break;
    const found = missing.map(([key], i) => [key, Number(extra.getBigUint64(at + 4 + 8 * i, true))] as const);
    if (!found.every(([, value]) => Number.isSafeInteger(value))) break;
    return { ...short, ...Object.fromEntries(found) };
  }
  return undefined;
}

/** Where the list of entries lies: said at the end of the file, before a comment of at most 64 KiB. */
function findDirectory(file: ByteSource): { count: number; offset: number; size: number } {
  const tail = Math.min(file.size, 22 + 0xffff);
  const bytes = view(file.read(file.size - tail, tail));
  let at = tail - 22;
  while (
    at >= 0 &&
    !(bytes.getUint32(at, true) === signature.end && at + 22 + bytes.getUint16(at + 20, true) === tail)
  ) {
    at--;
  }
  if (at < 0) throw damaged(file, "is cut off: the end of its zip archive is missing");
  let found = {
    count: bytes.getUint16(at + 10, true),
    size: bytes.getUint32(at + 12, true),
    offset: bytes.getUint32(at + 16, true),
  };
  if (at >= 20 && bytes.getUint32(at - 20, true) === signature.locator64) {
    const place = Number(bytes.getBigUint64(at - 12, true));
    const long = view(place + 56 <= file.size ? file.read(place, 56) : new Uint8Array(56));
    if (long.getUint32(0, true) !== signature.end64) throw damaged(file, "has a damaged end of its zip archive");
    const [count, size, offset] = [32, 40, 48].map((field) => Number(long.getBigUint64(field, true)));
    found = { count: count ?? 0, size: size ?? 0, offset: offset ?? 0 };
  }
  if (found.offset + found.size > file.size || 46 * found.count > found.size) {
    throw damaged(file, "has a list of entries that does not fit into it");
  }
  return found;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(file: ByteSource, message: string): FileError {
  return new FileError(file.path, message, { hint: "The file is damaged; fetch or write it anew." });
}
