import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { FileError, messageOf } from "./errors.js";

/** What a YAML file says. @throws FileError when it cannot be read, or is no YAML, with line and column */
export function readYaml(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
  try {
    const document = parseDocument(text);
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS();
  } catch (cause) {
    // Below the first line yaml draws where it is.
    const [line = ""] = messageOf(cause).split("\n");
    throw new FileError(path, `is not valid YAML (${line.replace(/:$/, "")})`, { cause });
  }
}
