import { existsSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { inRoot } from "./paths.mjs";
import { since } from "./report.mjs";
import { run } from "./run.mjs";
import { filesUnder, hashOf, read, writeAtomic } from "./stamp.mjs";

const STAMP = inRoot("build", "typescript.stamp");
const DIST = inRoot("dist");

/** Compiles `src` into `dist`, unless nothing has changed. */
export async function ensureTypeScript(report) {
  const sources = filesUnder(inRoot("src")).filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
  const wanted = hashOf({
    files: [...sources, inRoot("tsconfig.json")],
    words: [read(inRoot("node_modules", "typescript", "package.json")) ?? ""],
  });
  const outputs = sources.map((path) => join(DIST, relative(inRoot("src"), path).replace(/\.ts$/, ".js")));
  const built = outputs.every((path) => existsSync(path));
  if (built && read(STAMP) === wanted) {
    report.done("dist is up to date");
    return;
  }
  const start = Date.now();
  report.step(`compiling TypeScript: ${built ? "src has changed" : "its output is missing or incomplete"}`);
  rmSync(STAMP, { force: true });
  // with its record of an earlier build, tsc would not write again what has been deleted
  if (!built) rmSync(inRoot("build", "tsc.tsbuildinfo"), { force: true });
  const tsc = inRoot("node_modules", "typescript", "bin", "tsc");
  await run("tsc", process.execPath, [tsc, "-p", "tsconfig.json"], { shown: "start" });
  removeOrphans();
  writeAtomic(STAMP, wanted);
  report.step(`compiled in ${since(start)}`);
}

/** tsc leaves the output of sources that were renamed or deleted, which would go on being found by imports. */
function removeOrphans() {
  for (const path of filesUnder(DIST)) {
    const source = relative(DIST, path).match(/^(.*?)(?:\.d\.ts|\.js)(?:\.map)?$/)?.[1];
    if (source !== undefined && !existsSync(inRoot("src", `${source}.ts`))) rmSync(path);
  }
}
