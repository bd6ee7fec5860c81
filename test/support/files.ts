import { readFileSync } from "node:fs";

/** What a script in `test/golden` wrote; the type parameter is the shape that the script documents. */
export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), "utf8"));
}
