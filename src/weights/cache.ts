import { basename, resolve } from "node:path";
import { cacheFolder, type DownloadOptions, download } from "../download/index.js";
import type { PublishedWeights } from "./published.js";

/** The file in the cache that published weights are, or will be, in. */
export function cachedPath({ url }: Pick<PublishedWeights, "url">): string {
  return resolve(cacheFolder(), "weights", basename(new URL(url).pathname));
}

/**
 * Published weights as a file in the cache, downloaded if need be; see `download`. With `FOVEA_WEIGHTS_MIRROR` they come
 * from there: the address of a folder that holds the files under their names.
 *
 * @returns the file's path; its checksum is right
 * @throws DownloadError, FileError as `download`
 */
export async function fetchPublished(
  weights: Pick<PublishedWeights, "url" | "bytes" | "sha256Prefix">,
  options: Pick<DownloadOptions, "onProgress" | "signal"> = {},
): Promise<string> {
  const { url, bytes, sha256Prefix } = weights;
  const mirror = process.env.FOVEA_WEIGHTS_MIRROR;
  const path = cachedPath(weights);
  const from = mirror ? `${mirror.replace(/\/+$/, "")}/${basename(path)}` : url;
  const checksum = { algorithm: "sha256", digits: sha256Prefix } as const;
  await download(from, { path, bytes, rounded: true, checksum, ...options });
  return path;
}
