import { readFile } from "node:fs/promises";
import { FileError, FoveaError, messageOf } from "../errors.js";
import type { Image } from "./image-set.js";
import { nativeImages } from "./native.js";

export type { Image, Size } from "./image-set.js";

/** How the names of files end that are taken for images when a folder is read. */
export const IMAGE_EXTENSIONS: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"];

/** Images with more pixels are refused; the addon has the same limit, twice what Pillow warns of. */
const MOST_PIXELS = 178_956_970;

/**
 * Decodes PNG, JPEG, WebP or TIFF to 8-bit RGB.
 *
 * As Pillow's `ImageOps.exif_transpose(image).convert("RGB")`, PNG and JPEG to the byte: grey is repeated, palettes are
 * looked up, alpha is dropped (not blended), gamma and colour profiles are ignored. Otherwise than there, 16-bit grey keeps
 * its high byte; Pillow cuts it at 255. Of an animation or a stack of pages the first is taken. Truncated or damaged data
 * is an error, never a half-grey image; so are more than 178,956,970 pixels and files of more than 1 GiB.
 *
 * @param source encoded bytes, or the path of a file
 * @throws FoveaError with the code IMAGE, whose message is what follows the image's name; {@link readImage} puts it there
 */
export async function decodeImage(source: Uint8Array | string): Promise<Image> {
  const native = nativeImages();
  try {
    return (await native.decode(source)) ?? (await decodeRare(source));
  } catch (cause) {
    throw new FoveaError("IMAGE", reasonOf(cause), { cause });
  }
}

/**
 * Reads an image file; see {@link decodeImage}.
 *
 * @throws FileError naming the file, when it cannot be read or is damaged
 */
export async function readImage(path: string): Promise<Image> {
  try {
    return await decodeImage(path);
  } catch (cause) {
    if (!(cause instanceof FoveaError) || cause.code !== "IMAGE") throw cause;
    throw new FileError(path, cause.message, { cause, hint: "Repair or remove the file, or skip unreadable images." });
  }
}

/** On one line. The addon's words for a file that cannot be read are a sentence already; decoders' only name the fault. */
function reasonOf(cause: unknown): string {
  const text = messageOf(cause)
    .trim()
    .replace(/\s*\n\s*/g, "; ");
  const isSentence = cause instanceof Error && "code" in cause && cause.code === "FILE";
  return isSentence ? text : `is not a readable image (${text})`;
}

async function decodeRare(source: Uint8Array | string): Promise<Image> {
  const sharp = await loadSharp();
  const bytes = typeof source === "string" ? await readFile(source) : source;
  const options = { failOn: "error", autoOrient: true, ignoreIcc: true, limitInputPixels: MOST_PIXELS } as const;
  const { data, info } = await sharp(bytes, options)
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`it has ${info.channels} channels where RGB has 3`);
  return { width: info.width, height: info.height, pixels: data };
}

type Sharp = typeof import("sharp").default;
let loading: Promise<Sharp> | undefined;

/** Loads sharp on first use: it costs 50 ms, and few images need it. */
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
