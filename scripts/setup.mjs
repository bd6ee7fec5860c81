#!/usr/bin/env node
/**
 * Makes a fresh checkout ready: libtorch, build tools, node modules, native addons, TypeScript. What is there already is
 * left alone, so a second run takes a moment. Needs nothing but Node itself.
 *
 *   node scripts/setup.mjs                              the distribution's libtorch (apt on Debian and Ubuntu)
 *   LIBTORCH=/path/to/libtorch node scripts/setup.mjs   this libtorch, or this folder of a Python package torch
 *   FOVEA_TORCH=python[:/path/to/python] …              the torch of that Python
 *   FOVEA_VERBOSE=1 …                                   show what the tools print, instead of build/logs
 */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { aptInstall, hasApt } from "./lib/apt.mjs";
import { describeTorch, locateRemembered, locateTorch, otherWays, torchRequest } from "./lib/libtorch.mjs";
import { withLock } from "./lib/lock.mjs";
import { ensureNative, nativeIsCurrent } from "./lib/native.mjs";
import { ensureNodeModules } from "./lib/node-modules.mjs";
import { main, reporter, SetupError } from "./lib/report.mjs";
import { buildTools, missingLibraries, missingPackages, toolsHint } from "./lib/tools.mjs";
import { ensureTypeScript } from "./lib/typescript.mjs";

const OLDEST_NODE = 20;
/** With libtorch-dev alone comes the reference BLAS, and linear layers take many times as long. */
const ENGINE_PACKAGES = ["libtorch-dev", "libopenblas0-openmp"];

/**
 * Does whatever is missing. Two of them at once take turns.
 *
 * @param options.quiet say only what is done, not what was found (default false)
 * @throws SetupError with message and hint
 */
export async function setup({ quiet = false } = {}) {
  const report = reporter(quiet);
  checkNode(report);
  await withLock(report, async () => {
    const torch = await ensureToolsAndTorch(report);
    await ensureNodeModules(report);
    await ensureNative(report, torch, buildTools);
    await ensureTypeScript(report);
  });
}

function checkNode(report) {
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    throw new SetupError(
      `This is Node ${process.versions.node}; Fovea needs ${OLDEST_NODE} or newer.`,
      "Get one from https://nodejs.org/en/download or with a version manager: nvm install 20",
    );
  }
  report.done(`Node ${process.versions.node}`);
}

/** The libtorch to build with. Build tools are looked for only when there is something to build. */
async function ensureToolsAndTorch(report) {
  const request = torchRequest();
  const torch = locateTorch(request) ?? locateRemembered();
  if (torch !== undefined && nativeIsCurrent(torch)) return torch;

  const found = buildTools();
  const tools = missingPackages(found);
  if (process.env.CXX && tools.includes("g++")) {
    throw new SetupError(`CXX is "${process.env.CXX}", which does not run.`, "Correct it or unset it.");
  }
  // Elsewhere a library may lie where only cmake looks, which then says what it did not find.
  const libraries = hasApt() ? missingLibraries(found) : [];
  const missing = [...tools, ...libraries, ...(torch === undefined ? ENGINE_PACKAGES : [])];
  if (missing.length === 0) report.done("C++ compiler, cmake and a builder are there");
  else if (hasApt()) {
    await aptInstall(report, missing, reasonFor(tools, libraries, torch), torch ? "" : `\n\n${otherWays()}`);
  } else if (tools.length > 0) {
    throw new SetupError("A C++ compiler, cmake, and ninja or make are needed to build the addons.", toolsHint());
  }

  const engine = torch ?? locateTorch(request);
  if (engine === undefined) throw new SetupError("There is no libtorch on this system.", otherWays());
  report.done(describeTorch(engine));
  return engine;
}

function reasonFor(tools, libraries, torch) {
  const engine = torch === undefined ? ["libtorch is what computes, by OpenBLAS where it multiplies matrices"] : [];
  const build = tools.length > 0 ? [`${tools.join(", ")} build the native addons`] : [];
  const images = libraries.length > 0 ? [`${libraries.join(", ")} read images`] : [];
  return [...engine, ...build, ...images].join(", ");
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main(() => setup());
