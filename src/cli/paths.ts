import { relative, resolve } from "node:path";
import { printable } from "../report/index.js";

/** A path for the reader: relative where it lies below the working directory. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return printable(short.startsWith("..") ? resolve(path) : short);
}
