#!/usr/bin/env node
/**
 * `npm run bench -- NAME [options]`: makes the checkout ready, then runs bench/NAME.mjs. Without a name: which there are.
 */
import { readdirSync } from "node:fs";
import { launch } from "./lib/launch.mjs";
import { inRoot } from "./lib/paths.mjs";
import { main, SetupError } from "./lib/report.mjs";
import { read } from "./lib/stamp.mjs";
import { setup } from "./setup.mjs";

await main(async () => {
  const [name, ...options] = process.argv.slice(2);
  const names = readdirSync(inRoot("bench"))
    .filter((file) => file.endsWith(".mjs"))
    .map((file) => file.slice(0, -".mjs".length));
  if (name === undefined) {
    console.log("npm run bench -- NAME [options]\n");
    const width = Math.max(...names.map((each) => each.length));
    for (const each of names) console.log(`  ${each.padEnd(width)}  ${aboutIt(each)}`);
    return;
  }
  if (!names.includes(name)) {
    throw new SetupError(`There is no benchmark ${name}.`, `There are: ${names.join(", ")}`);
  }
  await setup({ quiet: true });
  process.exitCode = await launch([inRoot("bench", `${name}.mjs`), ...options]);
});

/** The first sentence of the comment that a benchmark begins with, cut off at the width of a terminal. */
function aboutIt(name) {
  const [, comment = ""] = /\/\*\*([\s\S]*?)\*\//.exec(read(inRoot("bench", `${name}.mjs`)) ?? "") ?? [];
  const [sentence] = comment
    .replace(/\s*\n \*\s*/g, " ")
    .trim()
    .split(/(?<=[^.]\.) |: /);
  return sentence.length > 96 ? `${sentence.slice(0, 95)}…` : sentence;
}
