import pc from "picocolors";
import { FoveaError, messageOf } from "../errors.js";
import { printable } from "../report/index.js";

/** Message and hint on stderr. A stack trace only with `FOVEA_DEBUG`. */
export function printError(error: unknown): void {
  console.error(`${pc.red("error:")} ${safe(messageOf(error))}`);
  if (error instanceof FoveaError && error.hint) console.error(safe(error.hint));
  if (process.env.FOVEA_DEBUG && error instanceof Error) console.error(error.stack);
}

/** A message may have several lines, and quote names of files. */
function safe(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
