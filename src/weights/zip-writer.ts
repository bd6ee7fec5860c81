import { crc32 } from "node:zlib";
import { ArgumentError } from "../errors.js";

/** An entry to be stored. */
export interface ZipPart {
  name: string;
  size: number;
  /** Its bytes, so many as `size` says; asked for once. */
  read(): Uint8Array;
}

/** PyTorch aligns its storages so, to map them into memory. */
const alignment = 64;

/** Sizes and places of 32 bits; beyond, a zip needs fields that we do not write. */
const mostBytes = 0xffffffff;

/**
 * A zip archive that stores its parts, each at a multiple of 64 bytes as PyTorch does it: the header before it is made
 * longer by an extra field. No times are kept: equal parts give equal bytes.
 *
 * @throws ArgumentError when it would be 4 GiB or larger, or have more than 65,535 parts
 */
export function encodeZip(parts: readonly ZipPart[]): Uint8Array {
  const placed: { part: ZipPart; name: Buffer; header: number; start: number }[] = [];
  let at = 0;
  for (const part of parts) {
    const name = Buffer.from(part.name);
    const start = Math.ceil((at + 30 + name.length + 4) / alignment) * alignment;
    placed.push({ part, name, header: at, start });
    at = start + part.size;
  }
  const directory = at;
  const end = placed.reduce((sum, { name }) => sum + 46 + name.length, directory);
  if (end + 22 >= mostBytes || parts.length > 0xffff) {
    throw new ArgumentError(
      `${parts.length} parts of ${end} bytes are too many for the zip archive of a PyTorch file`,
      "Write a .safetensors file.",
    );
  }

  const bytes = Buffer.alloc(end + 22);
  at = directory;
  for (const { part, name, header, start } of placed) {
    const data = part.read();
    if (data.length !== part.size)
      throw new ArgumentError(`${part.name}: ${data.length} bytes in place of ${part.size}`);
    bytes.set(data, start);
    const crc = crc32(data);
    const padding = start - header - 30 - name.length;
    bytes.writeUInt32LE(0x04034b50, header);
    writeFields(bytes, header + 4, crc, part.size, name.length, padding);
    bytes.set(name, header + 30);
    // The extra field that PyTorch pads with: "FB", its length, and Z's.
    bytes.write("FB", header + 30 + name.length, "latin1");
    bytes.writeUInt16LE(padding - 4, header + 30 + name.length + 2);
    bytes.fill("Z", header + 30 + name.length + 4, start);

    bytes.writeUInt32LE(0x02014b50, at);
    writeFields(bytes, at + 6, crc, part.size, name.length, 0);
    bytes.writeUInt32LE(header, at + 42);
    bytes.set(name, at + 46);
    at += 46 + name.length;
  }
  bytes.writeUInt32LE(0x06054b50, end);
  bytes.writeUInt16LE(parts.length, end + 8);
  bytes.writeUInt16LE(parts.length, end + 10);
  bytes.writeUInt32LE(end - directory, end + 12);
  bytes.writeUInt32LE(directory, end + 16);
  return bytes;
}

/** What the two headers of an entry have in common: no compression, names in UTF-8, 1 January 1980. */
function writeFields(bytes: Buffer, at: number, crc: number, size: number, name: number, extra: number): void {
  bytes.writeUInt16LE(20, at);
  bytes.writeUInt16LE(0x0800, at + 2);
  bytes.writeUInt16LE(0x0021, at + 8);
  bytes.writeUInt32LE(crc, at + 10);
  bytes.writeUInt32LE(size, at + 14);
  bytes.writeUInt32LE(size, at + 18);
  bytes.writeUInt16LE(name, at + 22);
  bytes.writeUInt16LE(extra, at + 24);
}
