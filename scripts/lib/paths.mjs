import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's root folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** An absolute path inside the package. */
export function inRoot(...parts) {
  return resolve(root, ...parts);
}

/** A path that the user gave: npm runs scripts in the package's root, the user may stand elsewhere. */
export function fromUser(path) {
  return resolve(process.env.INIT_CWD || process.cwd(), path);
}
