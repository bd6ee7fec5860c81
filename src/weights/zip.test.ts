import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../errors.js";
import { FileReader } from "./file-reader.js";
import { ZipReader } from "./zip-reader.js";
import { encodeZip } from "./zip-writer.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-zip-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a header claims of an entry, true or not. */
interface Claims {
  name?: string;
  method?: number;
  flags?: number;
  crc?: number;
  packed?: Uint8Array;
  size?: number;
  /** The sizes in the 64-bit extra field. */
  long?: boolean;
}

/** An archive written field by field from the format's description. */
function archive(entries: { data: Uint8Array; claims?: Claims }[], comment = ""): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { data, claims = {} } of entries) {
    const { method = 0, flags = 0, packed = data, size = data.length, long = false } = claims;
    const name = Buffer.from(claims.name ?? "a");
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(claims.crc ?? crc32(data), 10);
    fields.writeUInt32LE(long ? 0xffffffff : packed.length, 14);
    fields.writeUInt32LE(long ? 0xffffffff : size, 18);
    fields.writeUInt16LE(name.length, 22);
    const extra = Buffer.alloc(long ? 20 : 0);
    if (long) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(16, 2);
      extra.writeBigUInt64LE(BigInt(size), 4);
      extra.writeBigUInt64LE(BigInt(packed.length), 12);
    }
    fields.writeUInt16LE(extra.length, 24);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    local.push(Buffer.from("PK\x03\x04", "latin1"), fields, name, extra, Buffer.from(packed));
    central.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, place, name, extra);
    at += 30 + name.length + extra.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...local, directory, end, Buffer.from(comment)]);
}

/** Opens an archive and reads entries of it. */
function read(bytes: Uint8Array, name = "a", from?: number, to?: number): Uint8Array {
  const path = join(folder, "x.zip");
  writeFileSync(path, bytes);
  using file = new FileReader(path);
  return new ZipReader(file).read(name, from, to);
}

const data = Buffer.from("the bytes of an entry");

describe("an archive", () => {
  it("gives its entries whole and in part, stored and deflated", () => {
    for (const entry of [{ data }, { data, claims: { method: 8, packed: deflateRawSync(data) } }]) {
      expect(Buffer.from(read(archive([entry])))).toEqual(data);
      expect(Buffer.from(read(archive([entry]), "a", 4, 9)).toString()).toBe("bytes");
    }
  });

  it("may have 64-bit sizes, a comment, and entries in any number", () => {
    const entries = Array.from({ length: 300 }, (_, i) => ({ data: Buffer.of(i & 255), claims: { name: `${i}` } }));
    expect([...read(archive(entries, "a comment"), "299")]).toEqual([43]);
    expect(Buffer.from(read(archive([{ data, claims: { long: true } }])))).toEqual(data);
  });

  it("may have its end in 64 bits", () => {
    const plain = archive([{ data }]);
    const end = plain.subarray(-22);
    const long = Buffer.alloc(56);
    long.write("PK\x06\x06", "latin1");
    long.writeBigUInt64LE(1n, 32);
    long.writeBigUInt64LE(BigInt(end.readUInt32LE(12)), 40);
    long.writeBigUInt64LE(BigInt(end.readUInt32LE(16)), 48);
    const locator = Buffer.alloc(20);
    locator.write("PK\x06\x07", "latin1");
    locator.writeBigUInt64LE(BigInt(plain.length - 22), 8);
    const short = Buffer.from(end);
    short.fill(255, 8, 20);
    expect(Buffer.from(read(Buffer.concat([plain.subarray(0, -22), long, locator, short])))).toEqual(data);
    locator.writeBigUInt64LE(7n, 8);
    expect(() => read(Buffer.concat([plain.subarray(0, -22), long, locator, short]))).toThrow(/damaged end/);
  });

  it.each<[string, { data: Uint8Array; claims?: Claims }[], RegExp]>([
    ["a wrong checksum", [{ data, claims: { crc: 1 } }], /"a" in the archive is damaged: its checksum/],
    ["twice the same name", [{ data }, { data }], /"a" in the archive occurs twice/],
    ["encryption", [{ data, claims: { flags: 1 } }], /is encrypted/],
    ["another compression", [{ data, claims: { method: 14 } }], /compressed by method 14/],
    ["two sizes of what is stored", [{ data, claims: { size: 5 } }], /has two sizes/],
    [
      "more bytes than the file",
      [{ data, claims: { size: 2 ** 31, packed: data, method: 8 } }],
      /would grow to 2147483648/,
    ],
    ["a bomb", [{ data, claims: bomb(2 ** 26, 2 ** 26) }], /would grow to 67108864 bytes, over 32 times/],
    ["a bomb that lies", [{ data, claims: bomb(2 ** 26, 1000) }], /cannot be decompressed to 1000 bytes/],
    ["too little when decompressed", [{ data, claims: bomb(10, 11) }], /decompresses to 10 bytes in place of 11/],
    ["no deflated data", [{ data, claims: { method: 8 } }], /cannot be decompressed/],
  ])("is refused for %s", (_, entries, message) => {
    expect(() => read(archive(entries))).toThrow(message);
    expect(() => read(archive(entries))).toThrow(FileError);
  });

  it("takes no memory for a bomb", () => {
    const bytes = archive([
      { data, claims: bomb(2 ** 27, 2 ** 27) },
      { data, claims: { name: "b", ...bomb(2 ** 27, 9) } },
    ]);
    const before = process.memoryUsage().rss;
    expect(() => read(bytes)).toThrow(FileError);
    expect(() => read(bytes, "b")).toThrow(FileError);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 26);
  });

  it("is checked before a part of an entry is given", () => {
    const bytes = archive([{ data }]);
    bytes[40] = 1;
    expect(() => read(bytes, "a", 0, 2)).toThrow(/its checksum/);
  });

  it("without any checksum, as PyTorch writes it when told, is read", () => {
    expect(Buffer.from(read(archive([{ data, claims: { crc: 0 } }])))).toEqual(data);
  });
});

describe("encodeZip", () => {
  const parts = [
    { name: "x/a", size: 3, read: () => Uint8Array.of(1, 2, 3) },
    { name: "x/a name in ünicode", size: 0, read: () => new Uint8Array() },
    { name: "x/b", size: 1000, read: () => new Uint8Array(1000).fill(7) },
  ];

  it("writes what the reader reads, every part at a multiple of 64", () => {
    const bytes = Buffer.from(encodeZip(parts));
    for (const { name, read: original } of parts) {
      expect(Buffer.from(read(bytes, name))).toEqual(Buffer.from(original()));
      const header = bytes.indexOf(Buffer.from(name)) - 30;
      expect(bytes.toString("latin1", header, header + 4)).toBe("PK\x03\x04");
      expect((header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28)) % 64).toBe(0);
    }
  });

  it("refuses what is too large, before any of it is read", () => {
    const read = () => new Uint8Array();
    expect(() => encodeZip([{ name: "a", size: 2 ** 32, read }])).toThrow(ArgumentError);
    expect(() => encodeZip([{ name: "a", size: 5, read }])).toThrow(/0 bytes in place of 5/);
  });
});

/** Zeros, deflated, that claim to be so many. */
function bomb(actual: number, claimed: number): Claims {
  return { method: 8, packed: deflateRawSync(new Uint8Array(actual)), size: claimed };
}
