import type { ByteReader } from "./byte-reader.js";
import { op } from "./opcodes.js";
import type { PickleValue } from "./values.js";

/** Bytes of one whole number: far above what anybody needs. */
const mostOfInteger = 1024;

/**
 * What an opcode that stands for a value stands for, its bytes read; undefined for the other opcodes.
 *
 * @param most bytes of one text
 * @throws FileError
 */
export function readLiteral(code: number, reader: ByteReader, most: number): PickleValue | undefined {
  switch (code) {
    case op.none:
      return null;
    case op.newTrue:
      return true;
    case op.newFalse:
      return false;
    case op.binInt:
      return reader.int32();
    case op.binInt1:
      return reader.uint8();
    case op.binInt2:
      return reader.uint16();
    case op.long1:
      return integer(reader, reader.uint8());
    case op.long4:
      return integer(reader, reader.uint32());
    case op.binFloat:
      return reader.float64();
    // What Python 2 calls a text: names, which are ASCII, or bytes.
    case op.shortBinString:
      return reader.text(reader.uint8(), "latin1");
    case op.binString:
      return reader.text(length(reader, reader.uint32(), most), "latin1");
    case op.shortBinUnicode:
      return reader.text(reader.uint8(), "utf-8");
    case op.binUnicode:
      return reader.text(length(reader, reader.uint32(), most), "utf-8");
    case op.binUnicode8:
      return reader.text(length(reader, reader.uint64(), most), "utf-8");
    case op.shortBinBytes:
      return reader.take(reader.uint8());
    case op.binBytes:
      return reader.take(length(reader, reader.uint32(), most));
    case op.binBytes8:
      return reader.take(length(reader, reader.uint64(), most));
    case op.emptyList:
      return { kind: "list", items: [] };
    case op.emptyTuple:
      return { kind: "tuple", items: [] };
    case op.emptyDict:
      return { kind: "dict", entries: new Map(), attributes: "none" };
    case op.emptySet:
      return { kind: "set", items: new Set() };
    default:
      return undefined;
  }
}

/** Two's complement, little-endian. */
function integer(reader: ByteReader, size: number): number | bigint {
  if (size > mostOfInteger) throw reader.error(`holds a whole number of ${size} bytes`);
  if (size === 0) return 0;
  const digits = Buffer.from(reader.take(size)).reverse().toString("hex");
  const value = BigInt.asIntN(8 * size, BigInt(`0x${digits}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function length(reader: ByteReader, size: number, most: number): number {
  if (size > most) throw reader.error(`holds a text or bytes of length ${size}`);
  return size;
}
