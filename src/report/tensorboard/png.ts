import { crc32, deflateSync } from "node:zlib";
import { ArgumentError } from "../../errors.js";
import type { Picture } from "../tiles.js";
import type { SummaryImage } from "./schema.js";

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/** Channels of a PNG's colour types; a palette's colours are RGB. */
const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/**
 * An image as events hold it.
 *
 * @param image pixels, which are encoded, or the bytes of a PNG, which are kept as they are
 * @throws ArgumentError when the bytes are no PNG, or the pixels do not fit their size
 */
export function summaryImage(image: Picture | Uint8Array): SummaryImage {
  const bytes = image instanceof Uint8Array ? image : encodePng(image);
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPng =
    header.length > 33 && header.subarray(0, 8).equals(signature) && header.toString("latin1", 12, 16) === "IHDR";
  const colorspace = isPng ? channelsOf[header.readUInt8(25)] : undefined;
  if (colorspace === undefined) {
    throw new ArgumentError(
      `the ${bytes.length} bytes of the image are no PNG`,
      "Give the bytes of a PNG file, or pixels with their width and height.",
    );
  }
  return { width: header.readUInt32BE(16), height: header.readUInt32BE(20), colorspace, encodedImageString: bytes };
}

/** RGB pixels as PNG, at once: sharp only encodes in the background, and events are written in order. */
function encodePng({ pixels, width, height }: Picture): Uint8Array {
  if (!(width > 0 && height > 0) || pixels.length !== width * height * 3) {
    throw new ArgumentError(`${pixels.length} bytes are not ${width} x ${height} pixels of 3 bytes`);
  }
  const row = width * 3;
  // Every row begins with the number of its filter; 0 leaves it as it is.
  const rows = Buffer.alloc(height * (row + 1));
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8); // bits of a channel, RGB
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(content.length + 12);
  bytes.writeUInt32BE(content.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(content, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + content.length)), 8 + content.length);
  return bytes;
}
