import pc from "picocolors";
import type { SkippedImage } from "../data/index.js";
import { printable } from "../report/index.js";

const most = 20;

/** Names the images that were left out, on stderr. */
export function printSkipped(skipped: readonly SkippedImage[]): void {
  if (skipped.length === 0) return;
  console.error(
    pc.yellow(`${skipped.length} ${skipped.length === 1 ? "image" : "images"} could not be read and left out:`),
  );
  for (const { path, reason } of skipped.slice(0, most)) console.error(`  ${printable(path)}: ${reason}`);
  if (skipped.length > most) console.error(`  … and ${skipped.length - most} more`);
}
