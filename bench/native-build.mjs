#!/usr/bin/env node
/**
 * A clean build of the native addon, configuration included, in a folder of its own, with the settings of the checkout's build.
 * Required: under 2 minutes on 2 cores.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { figures, show } from "./lib/figures.mjs";
import { count, readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const options = readOptions({ rounds: { type: "string", default: "1" }, jobs: { type: "string", default: "2" } });
const jobs = count("jobs", options.jobs);

const record = JSON.parse(readFileSync(join(root, "build", "engine.json"), "utf8"));
const cache = readFileSync(join(root, dirname(record.addon), "CMakeCache.txt"), "utf8");
const setting = (name) => cache.match(new RegExp(`^${name}:[A-Z]+=(.*)$`, "m"))?.[1] ?? "";
const names = [
  "CMAKE_BUILD_TYPE",
  "TORCH_INCLUDE_DIRS",
  "TORCH_LIBRARY_DIR",
  "TORCH_VERSION",
  "TORCH_CXX11_ABI",
  "NODE_API_HEADERS",
];

const seconds = { configure: [], build: [], together: [] };
for (let round = 1; round <= options.rounds; round++) {
  process.stderr.write(`round ${round} of ${options.rounds}\n`);
  const folder = mkdtempSync(join(tmpdir(), "fovea-native-build-"));
  try {
    const configure = timed([
      "-S",
      root,
      "-B",
      folder,
      "-G",
      setting("CMAKE_GENERATOR"),
      ...names.map((name) => `-D${name}=${setting(name)}`),
    ]);
    const build = timed(["--build", folder, "-j", String(jobs)]);
    seconds.configure.push(configure);
    seconds.build.push(build);
    seconds.together.push(configure + build);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function timed(args) {
  const start = performance.now();
  execFileSync("cmake", args, { stdio: ["ignore", "ignore", "inherit"] });
  return (performance.now() - start) / 1000;
}

const { threads: _, ...machine } = conditions(options);
const result = {
  conditions: {
    ...machine,
    jobs,
    generator: setting("CMAKE_GENERATOR"),
    compiler: setting("CMAKE_CXX_COMPILER"),
    libtorch: record.libtorch,
  },
  rows: Object.entries(seconds).map(([what, values]) => ({ what, ...figures(values) })),
  requirements: [{ what: "a clean build takes under 2 minutes", met: Math.max(...seconds.together) < 120 }],
};
printTable([["seconds", "median"], ...result.rows.map(({ what, median }) => [what, show(median)])]);
conclude("native-build", result, options);
