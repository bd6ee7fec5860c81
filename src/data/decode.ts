import { readFile } from "node:fs/promises";
import { FileError, messageOf } from "../errors.js";
import { type ResizeKernel, resizeRgb } from "./resize.js";

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An image of 8-bit RGB pixels, `[H, W, 3]`. */
export interface Image extends Size {
  readonly pixels: Uint8Array;
}

/** How the names of files end that are taken for images when a folder is read. */
export const IMAGE_EXTENSIONS: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"];

/**
 * Decodes PNG, JPEG, WebP or TIFF bytes to 8-bit RGB.
 *
 * As Pillow's `convert("RGB")`: grey is repeated, palettes are looked up, alpha is dropped (not blended), an embedded
 * colour profile is ignored. Besides: 16-bit values keep their high byte, the EXIF orientation is applied, and of an
 * animation or a stack of pages the first is taken. Truncated or damaged data is an error, never a half-grey image.
 *
 * @throws Error of the decoder, which knows no file name; {@link readImage} adds it
 */
export async function decodeImage(bytes: Uint8Array): Promise<Image> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(bytes, { failOn: "error", autoOrient: true, ignoreIcc: true })
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`it has ${info.channels} channels where RGB has 3`);
  return { width: info.width, height: info.height, pixels: data };
}

/**
 * Reads an image file and resizes it to exactly `size` (see {@link decodeImage} and {@link resizeRgb}).
 *
 * @returns pixels `[H, W, 3]`
 * @throws FileError naming the file, when it cannot be read or is damaged
 */
export async function readImage(path: string, size: Size, kernel?: ResizeKernel): Promise<Uint8Array> {
  try {
    const image = await decodeImage(await readFile(path));
    return resizeRgb(image.pixels, image, size, kernel);
  } catch (cause) {
    throw new FileError(path, reasonOf(cause), {
      cause,
      hint: "Repair or remove the file, or skip unreadable images.",
    });
  }
}

/** The system's and libvips' words, on one line and without the path, which the caller puts in front. */
function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "may not be read (permission denied)";
  const text = messageOf(cause)
    .trim()
    .replace(/\s*\n\s*/g, "; ");
  return `is not a readable image (${text})`;
}

type Sharp = typeof import("sharp").default;
let loading: Promise<Sharp> | undefined;

/** Loads sharp on first use: it costs 50 ms that a command without images need not wait for. */
function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then((module) => {
    // Every file is decoded once, so its cache would only hold memory; and images are decoded side by side, so one
    // thread for each is best.
    module.default.cache(false);
    module.default.concurrency(1);
    return module.default;
  });
  return loading;
}
