import { ArgumentError } from "../errors.js";

/** An image to be shown: RGB interleaved, `[H, W, 3]`, 0 … 255. */
export interface Picture {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The left upper corner of something on a sheet, pixels. */
export interface Place {
  readonly left: number;
  readonly top: number;
}

/** More would make a PNG that few programs open. */
export const mostTiles = 500;

/**
 * A sheet with pictures, each fitted into a square, and a drawing over them, as PNG.
 *
 * @param sheet.size side of the squares
 * @param sheet.overlay the inside of an SVG of the sheet's size
 * @throws ArgumentError when the pixels of a picture do not fit its size
 */
export async function composeTiles(
  pictures: readonly Picture[],
  places: readonly Place[],
  sheet: { readonly width: number; readonly height: number; readonly size: number; readonly overlay: string },
): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  const { width, height, size, overlay } = sheet;
  const tiles = await Promise.all(
    pictures.map(async (picture, i) => {
      const raw = rawPicture(picture, i);
      // Enlarged pixels stay pixels: smoothing would show what the network never saw.
      const kernel = Math.max(raw.width, raw.height) < size ? "nearest" : "lanczos3";
      const input = await sharp(picture.pixels, { raw })
        .resize(size, size, { fit: "contain", background: "#ffffff", kernel })
        .png({ compressionLevel: 1 })
        .toBuffer();
      return { input, ...(places[i] ?? { left: 0, top: 0 }) };
    }),
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${overlay}</svg>`;
  return sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
    .composite([...tiles, { input: Buffer.from(svg), left: 0, top: 0 }])
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/**
 * How the bytes of a picture are to be read.
 *
 * @param index of the picture, for the error
 * @throws ArgumentError when the pixels do not fit the size
 */
export function rawPicture({ pixels, width, height }: Picture, index: number) {
  if (pixels.length === width * height * 3) return { width, height, channels: 3 } as const;
  throw new ArgumentError(`image ${index}: ${pixels.length} bytes are not ${width} x ${height} pixels of 3 bytes`);
}

/** @throws ArgumentError when an option is not a whole number in its range */
export function wholeOption(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ArgumentError(`${name} is ${value}, not a whole number from ${least} to ${most}`);
}
