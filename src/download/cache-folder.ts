import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where downloads are kept: `$FOVEA_CACHE`, else `$XDG_CACHE_HOME/fovea`, else `~/.cache/fovea`. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { FOVEA_CACHE: own, XDG_CACHE_HOME: shared } = environment;
  if (own) return own;
  // The XDG specification has relative paths ignored.
  return join(shared && isAbsolute(shared) ? shared : join(homedir(), ".cache"), "fovea");
}
