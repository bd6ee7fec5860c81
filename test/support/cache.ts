import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives a run of the tests a cache folder of its own: it neither leaves packs in the user's, nor finds old ones there. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "fovea-test-cache-"));
  process.env.FOVEA_CACHE = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
