import { statSync } from "node:fs";
import { FileError } from "../errors.js";

/** @throws FileError when both paths lead to one file: what is read would be replaced */
export function requireOther(input: string, output: string): void {
  const [a, b] = [input, output].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (a && b && a.dev === b.dev && a.ino === b.ino) {
    throw new FileError(output, "is the file to read; it is not overwritten", { hint: "Name another output." });
  }
}
