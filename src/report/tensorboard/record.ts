import { crc32c } from "@node-rs/crc32";

/**
 * A TFRecord, as event files are made of: the length (64 bits, little-endian), its checksum, the bytes, theirs.
 *
 * See `tensorflow/core/lib/io/record_writer.h`.
 */
export function frame(bytes: Uint8Array): Uint8Array {
  const record = Buffer.alloc(bytes.length + 16);
  record.writeBigUInt64LE(BigInt(bytes.length), 0);
  record.writeUInt32LE(checksum(record.subarray(0, 8)), 8);
  record.set(bytes, 12);
  record.writeUInt32LE(checksum(bytes), 12 + bytes.length);
  return record;
}

/** CRC-32C (Castagnoli), masked: a checksum over bytes that hold checksums themselves would be weak. */
function checksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  const turned = (crc >>> 15) | (crc << 17);
  return (turned + 0xa282ead8) >>> 0;
}
