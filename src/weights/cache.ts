import { homedir } from "node:os";
import { basename, isAbsolute, join, resolve } from "node:path";
import { type DownloadOptions, download } from "./download.js";
import type { PublishedWeights } from "./published.js";

/** Where downloads are kept: `$FOVEA_CACHE`, else `$XDG_CACHE_HOME/fovea`, else `~/.cache/fovea`. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { FOVEA_CACHE: own, XDG_CACHE_HOME: shared } = environment;
  if (own) return own;
  // The XDG specification has relative paths ignored.
  return join(shared && isAbsolute(shared) ? shared : join(homedir(), ".cache"), "fovea");
}

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
  await download(from, { path, bytes, sha256Prefix, ...options });
  return path;
}
