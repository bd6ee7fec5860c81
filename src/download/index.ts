/** Files from the network, checked, and kept in a cache. */
export { cacheFolder } from "./cache-folder.js";
export { type Checksum, DownloadError, type DownloadOptions, download } from "./download.js";
