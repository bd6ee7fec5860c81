import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { installedVersion } from "./apt.mjs";
import { fromUser, inRoot } from "./paths.mjs";
import { SetupError } from "./report.mjs";
import { output } from "./run.mjs";
import { read } from "./stamp.mjs";

const OLDEST = "1.13";
const MULTIARCH = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu", ppc64: "powerpc64le-linux-gnu" };
const API = "torch/csrc/api/include";
const EXTENSION = process.platform === "darwin" ? "dylib" : "so";

/** Where Python keeps its torch, without importing it (that takes seconds); empty when it has none. */
const FIND_TORCH = `
import importlib.util
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "")
`;

/**
 * Which libtorch the user wants: the one that LIBTORCH names, the Python package that FOVEA_TORCH asks for, or the
 * distribution's.
 */
export function torchRequest(env = process.env) {
  if (env.LIBTORCH) return { source: "LIBTORCH", path: fromUser(env.LIBTORCH) };
  const wish = env.FOVEA_TORCH;
  if (!wish) return { source: "debian" };
  const [kind, ...rest] = wish.split(":");
  if (kind !== "python") {
    throw new SetupError(
      `FOVEA_TORCH is "${wish}", which means nothing here.`,
      "Use FOVEA_TORCH=python or FOVEA_TORCH=python:/path/to/python, or leave it unset.",
    );
  }
  return { source: "python", python: rest.join(":") || undefined };
}

/**
 * Without a wish and without the distribution's libtorch, the one that the last set-up was told to use goes on serving,
 * while it is there. Undefined when there is none.
 */
export function locateRemembered() {
  const { source, path } = JSON.parse(read(inRoot("build", "engine.json")) ?? "{}").libtorch ?? {};
  if (!path || source === "debian" || !existsSync(path)) return undefined;
  return locateTorch({ source, path });
}

/**
 * The libtorch of a request: its version, C++ ABI (1: the one of C++11), headers and libraries. Undefined when the
 * distribution's is asked for and not installed.
 *
 * @throws SetupError when what was asked for is not a libtorch, or is too old
 */
export function locateTorch(request) {
  const found = request.source === "debian" ? distributionTorch() : namedTorch(request);
  if (found === undefined) return undefined;
  if (compareVersions(found.version, OLDEST) < 0) {
    throw new SetupError(
      `${describeTorch(found)} is too old: Fovea needs ${OLDEST} or newer.`,
      otherWays(request.source === "debian"),
    );
  }
  return found;
}

/** "libtorch 1.13.1 (the distribution's, in /usr/lib/x86_64-linux-gnu)". */
export function describeTorch({ version, source, path }) {
  const from = { debian: "the distribution's", LIBTORCH: "LIBTORCH's", python: "Python's" }[source];
  return `libtorch ${version} (${from}, in ${path})`;
}

/** How to get a libtorch without the distribution's package. */
export function otherWays(askedForDistribution = true) {
  return [
    askedForDistribution ? "A libtorch from elsewhere will do as well:" : "Any of these gives one:",
    "",
    "  python3 -m venv ~/torch && ~/torch/bin/pip install torch && FOVEA_TORCH=python:$HOME/torch/bin/python npm start",
    "  LIBTORCH=/path/to/libtorch npm start      (unpacked from https://pytorch.org/get-started/locally: LibTorch, C++)",
    ...(askedForDistribution
      ? []
      : ["  unset LIBTORCH and FOVEA_TORCH            (the distribution's, on Debian and Ubuntu)"]),
  ].join("\n");
}

function distributionTorch() {
  const include = "/usr/include";
  const library = [`/usr/lib/${MULTIARCH[process.arch]}`, "/usr/lib64", "/usr/lib"].find(holdsLibraries);
  const declared = headerVersion(include);
  if (library === undefined || declared === undefined) return undefined;
  return {
    source: "debian",
    path: library,
    library,
    includes: [include, join(include, API)],
    // Debian's 1.13.1 has a header that still says 1.13.0: the package knows better
    version: installedVersion("libtorch-dev") ?? declared,
    abi: abiOf(join(library, "cmake")),
  };
}

function namedTorch(request) {
  const path = request.path ?? pythonTorch(request.python);
  const name = request.source === "python" ? "Python's torch" : "LIBTORCH";
  const hint =
    "A libtorch folder holds include/, lib/ and share/, as unpacked from the zip; the folder of a Python package " +
    `torch has the same.\n\n${otherWays(false)}`;
  if (!existsSync(path)) throw new SetupError(`${name} is ${path}, which does not exist.`, hint);
  const include = join(path, "include");
  const library = join(path, "lib");
  const version = headerVersion(include);
  const missing = [
    ...(existsSync(join(include, "ATen", "ATen.h")) ? [] : ["include/ATen/ATen.h"]),
    ...(version ? [] : [`include/${API}/torch/version.h`]),
    ...(holdsLibraries(library) ? [] : [`lib/libtorch.${EXTENSION}`]),
  ];
  if (missing.length > 0) {
    throw new SetupError(`${name} is ${path}, which is not a libtorch: ${missing.join(", ")} missing.`, hint);
  }
  return {
    source: request.source,
    path: realpathSync(path),
    library,
    includes: [include, join(include, API)],
    version,
    abi: abiOf(join(path, "share", "cmake")),
  };
}

function pythonTorch(python) {
  const commands = python ? [python] : ["python3", "python"];
  const answers = commands.map((command) => output(command, ["-c", FIND_TORCH]));
  const path = answers.find(Boolean);
  if (path) return path;
  const state = answers.every((answer) => answer === undefined) ? "does not run" : "has no module torch";
  throw new SetupError(
    `FOVEA_TORCH asks for Python's torch, but ${commands.join(" or ")} ${state}.`,
    `Run ${commands[0]} -m pip install torch, or name another interpreter: FOVEA_TORCH=python:/path/to/python`,
  );
}

/** The version that the headers declare; since 2.8 the macros stand in torch/headeronly. */
function headerVersion(include) {
  const headers = [join(include, API, "torch", "version.h"), join(include, "torch", "headeronly", "version.h")];
  for (const text of headers.map(read)) {
    const parts = ["MAJOR", "MINOR", "PATCH"].map(
      (part) => text?.match(new RegExp(`^#define TORCH_VERSION_${part}\\s+(\\d+)`, "m"))?.[1],
    );
    if (parts.every(Boolean)) return parts.join(".");
  }
  return undefined;
}

/** Which C++ ABI the libraries were built with: builds of before 2.6 from the Python index used the old one. */
function abiOf(cmakeFolder) {
  const config = read(join(cmakeFolder, "Torch", "TorchConfig.cmake"));
  return Number(config?.match(/_GLIBCXX_USE_CXX11_ABI=([01])/)?.[1] ?? 1);
}

function holdsLibraries(folder) {
  return ["torch", "torch_cpu", "c10"].every((name) => existsSync(join(folder, `lib${name}.${EXTENSION}`)));
}

function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  const at = left.findIndex((part, i) => part !== (right[i] ?? 0));
  return at < 0 ? 0 : left[at] - (right[at] ?? 0);
}
