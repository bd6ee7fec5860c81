#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error("error: Fovea is not built yet. Run in its folder: npm run setup");
  process.exitCode = 1;
}
