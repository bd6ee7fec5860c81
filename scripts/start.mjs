#!/usr/bin/env node
/**
 * `npm start`: makes the checkout ready, then trains. Arguments go on to the command line, and the last one of a kind
 * counts: `npm start -- --epochs 3`, `npm start -- --data ../my-images --name mine`.
 */
import { launch } from "./lib/launch.mjs";
import { inRoot } from "./lib/paths.mjs";
import { main } from "./lib/report.mjs";
import { setup } from "./setup.mjs";

/** What `npm start` runs. */
const COMMAND = ["train", "--data", "synthetic", "--model", "nuclei_basic"];

await main(async () => {
  await setup({ quiet: true });
  process.exitCode = await launch([inRoot("bin", "fovea.js"), ...COMMAND, ...process.argv.slice(2)], {
    ownGroup: true,
  });
});
