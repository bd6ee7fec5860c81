/**
 * Reads event files without anything that writes them: frames, checksums and the wire format of protocol buffers by hand, so
 * that both can be held against each other. https://protobuf.dev/programming-guides/encoding
 */

/** Fields by number, each with all values that it has, in order. */
export type Message = ReadonlyMap<number, readonly Field[]>;

/** A whole number, eight or four bytes, or bytes with a length. */
export type Field = bigint | Buffer;

/** The payloads of a file's records. @throws Error where a length or a checksum is wrong, or the file ends early */
export function readEventRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    if (data.length !== length) throw new Error(`the record at ${at} ends early`);
    if (file.readUInt32LE(at + 8) !== maskedCrc(file.subarray(at, at + 8))) throw new Error(`bad length at ${at}`);
    if (file.readUInt32LE(at + 12 + length) !== maskedCrc(data)) throw new Error(`bad data at ${at}`);
    records.push(data);
    at += length + 16;
  }
  return records;
}

/** Takes a message apart. @throws Error when it is none */
export function decodeMessage(bytes: Buffer): Message {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error(`a field ends at ${at + length} of ${bytes.length} bytes`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const read: Readonly<Record<number, () => Field>> = {
      0: varint,
      1: () => take(8),
      2: () => take(Number(varint())),
      5: () => take(4),
    };
    const value = read[key & 7]?.();
    if (value === undefined) throw new Error(`wire type ${key & 7} at ${at}`);
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

/** The messages of a field. */
export function messages(message: Message, field: number): Message[] {
  return bytesOf(message, field).map(decodeMessage);
}

/** The only message of a field. @throws Error when there is none, or more than one */
export function message(parent: Message, field: number): Message {
  return only(messages(parent, field), field);
}

export function texts(message: Message, field: number): string[] {
  return bytesOf(message, field).map((bytes) => bytes.toString("utf8"));
}

/** The only text of a field; "" when it was left out. */
export function text(message: Message, field: number): string {
  return texts(message, field).length === 0 ? "" : only(texts(message, field), field);
}

/** The only bytes of a field. @throws Error when there are none, or more than one */
export function rawBytes(message: Message, field: number): Buffer {
  return only(bytesOf(message, field), field);
}

/** The only number of a field, in whatever form; 0 when it was left out. */
export function number(message: Message, field: number): number {
  const values = message.get(field);
  if (values === undefined) return 0;
  const value = only(values, field);
  if (typeof value === "bigint") return Number(value);
  return value.length === 4 ? value.readFloatLE() : value.readDoubleLE();
}

/** A packed field of doubles. */
export function doubles(message: Message, field: number): number[] {
  const packed = Buffer.concat(bytesOf(message, field));
  return Array.from({ length: packed.length / 8 }, (_, i) => packed.readDoubleLE(8 * i));
}

/** A packed field of whole numbers below 128. */
export function smallIntegers(message: Message, field: number): number[] {
  return bytesOf(message, field).flatMap((bytes) => [...bytes]);
}

/** A map with texts as keys. */
export function entries(parent: Message, field: number): Map<string, Message> {
  return new Map(messages(parent, field).map((entry) => [text(entry, 1), message(entry, 2)]));
}

function bytesOf(message: Message, field: number): Buffer[] {
  return (message.get(field) ?? []).map((value) => {
    if (typeof value === "bigint") throw new Error(`field ${field} is a number`);
    return value;
  });
}

function only<T>(values: readonly T[], field: number): T {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) throw new Error(`field ${field} occurs ${values.length} times`);
  return value;
}

/** CRC-32C bit by bit, and the mask of TFRecords. */
function maskedCrc(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  const sum = ~crc >>> 0;
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
