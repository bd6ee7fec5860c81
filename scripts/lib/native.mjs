import { createHash } from "node:crypto";
import { existsSync, mkdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join, relative } from "node:path";
import { describeTorch } from "./libtorch.mjs";
import { inRoot, root } from "./paths.mjs";
import { SetupError, since } from "./report.mjs";
import { run } from "./run.mjs";
import { hashOf, read, writeAtomic } from "./stamp.mjs";
import { toolsHint } from "./tools.mjs";

/** What one compiler needs for a file that includes all of libtorch's headers. */
const BYTES_PER_COMPILER = 2 * 1024 ** 3;

/** What is built, and what of it `build/engine.json` calls what. */
const ADDONS = { addon: "fovea.node", images: "images.node" };

/** Whether the addons stand built for this libtorch from these sources. */
export function nativeIsCurrent(torch) {
  return missingAddon(torch) === undefined && read(join(folderOf(torch), "stamp")) === stampOf(torch);
}

/** Builds the addons where needed and makes them those that the package loads. */
export async function ensureNative(report, torch, tools) {
  if (nativeIsCurrent(torch)) report.done(`native addons are up to date with ${describeTorch(torch)}`);
  else await build(report, torch, tools());
  select(torch);
}

async function build(report, torch, { builder }) {
  const folder = folderOf(torch);
  const why = missingAddon(torch) === undefined ? "their sources have changed" : "not built yet";
  const start = Date.now();
  report.step(`building the native addons with ${describeTorch(torch)}: ${why}; this takes about two minutes`);
  const stamp = stampOf(torch);
  rmSync(join(folder, "stamp"), { force: true });
  const generator = builder === "ninja" ? "Ninja" : "Unix Makefiles";
  discardForeignCache(folder, generator);
  mkdirSync(folder, { recursive: true });
  const log = `native-${keyOf(torch)}`;
  const define = (name, value) => `-D${name}=${value}`;
  const configure = [
    ...["-S", root, "-B", folder, "-G", generator],
    define("CMAKE_BUILD_TYPE", "Release"),
    define("TORCH_INCLUDE_DIRS", torch.includes.join(";")),
    define("TORCH_LIBRARY_DIR", torch.library),
    define("TORCH_VERSION", torch.version),
    define("TORCH_CXX11_ABI", torch.abi),
    define("NODE_API_HEADERS", inRoot("node_modules", "node-api-headers", "include")),
  ];
  await run(log, "cmake", configure, { hint: `If a tool or library is missing:\n\n${toolsHint()}` });
  await run(log, "cmake", ["--build", folder, "-j", String(jobs())], { append: true });
  const missing = missingAddon(torch);
  if (missing !== undefined) throw new SetupError(`The build ended without ${relative(root, missing)}.`);
  writeAtomic(join(folder, "stamp"), stamp);
  report.step(`native addons built in ${since(start)}`);
}

/** The first of the addons that is not there, or undefined. */
function missingAddon(torch) {
  return Object.values(ADDONS)
    .map((name) => join(folderOf(torch), name))
    .find((path) => !existsSync(path));
}

/** Names the addons that the package loads; several builds stay built beside each other, and changing is a matter of this file. */
function select(torch) {
  const path = inRoot("build", "engine.json");
  const paths = Object.entries(ADDONS).map(([name, file]) => [name, relative(root, join(folderOf(torch), file))]);
  const libtorch = { version: torch.version, path: torch.path, source: torch.source };
  const text = `${JSON.stringify({ ...Object.fromEntries(paths), libtorch }, null, 2)}\n`;
  if (read(path) !== text) writeAtomic(path, text);
}

function keyOf({ version, path }) {
  return `libtorch-${version}-${createHash("sha256").update(path).digest("hex").slice(0, 8)}`;
}

function folderOf(torch) {
  return inRoot("build", "native", keyOf(torch));
}

function stampOf(torch) {
  // an upgrade in place keeps path and version, but not the library's date
  const library = statSync(
    realpathSync(join(torch.library, process.platform === "darwin" ? "libc10.dylib" : "libc10.so")),
  );
  const lock = JSON.parse(read(inRoot("package-lock.json")) ?? "{}");
  return hashOf({
    files: [inRoot("native"), inRoot("CMakeLists.txt")],
    words: [
      ...[torch.version, torch.path, torch.abi, library.mtimeMs, library.size],
      ...["CXX", "CXXFLAGS", "LDFLAGS"].map((name) => process.env[name] ?? ""),
      lock.packages?.["node_modules/node-api-headers"]?.version ?? "",
      root,
    ],
  });
}

/** CMake refuses a build folder of another place or builder; such a one comes with a moved or copied working tree. */
function discardForeignCache(folder, generator) {
  const cache = read(join(folder, "CMakeCache.txt"));
  if (cache === undefined) return;
  const entry = (name) => cache.match(new RegExp(`^${name}:INTERNAL=(.*)$`, "m"))?.[1];
  if (entry("CMAKE_HOME_DIRECTORY") !== root || entry("CMAKE_GENERATOR") !== generator) {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jobs() {
  const cores = availableParallelism?.() ?? cpus().length;
  const memory = process.constrainedMemory?.() || Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(cores, Math.floor(Math.min(totalmem(), memory) / BYTES_PER_COMPILER)));
}
