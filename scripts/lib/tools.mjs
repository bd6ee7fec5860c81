import { spawnSync } from "node:child_process";
import { output } from "./run.mjs";

/** The Debian package of each library that the images addon needs, by its header. */
const LIBRARIES = { "jpeglib.h": "libjpeg-dev", "png.h": "libpng-dev" };

/** The first of these commands that runs, or undefined. A name on PATH may be a wrapper around nothing. */
function firstThatRuns(names) {
  return names.find((name) => output(name, ["--version"]) !== undefined);
}

/** What compiles the addons. Each is the command's name, or undefined when there is none. */
export function buildTools() {
  return {
    compiler: firstThatRuns(process.env.CXX ? [process.env.CXX.trim().split(/\s+/)[0]] : ["c++", "g++", "clang++"]),
    cmake: firstThatRuns(["cmake"]),
    builder: firstThatRuns(["ninja", "make"]),
  };
}

/** The Debian packages of the tools that are missing. */
export function missingPackages({ compiler, cmake, builder }) {
  return [...(compiler ? [] : ["g++"]), ...(cmake ? [] : ["cmake"]), ...(builder ? [] : ["ninja-build"])];
}

/** The Debian packages of the libraries whose headers this compiler does not find; all of them without a compiler. */
export function missingLibraries({ compiler }) {
  return Object.entries(LIBRARIES)
    .filter(([header]) => compiler === undefined || !finds(compiler, header))
    .map(([, name]) => name);
}

function finds(compiler, header) {
  const words = (text) => text?.trim().split(/\s+/).filter(Boolean) ?? [];
  const [command, ...flags] = [...words(process.env.CXX ?? compiler), ...words(process.env.CXXFLAGS)];
  // jpeglib.h does not include what it needs of stdio.h.
  const input = `#include <stdio.h>\n#include <${header}>\n`;
  const result = spawnSync(command, [...flags, "-E", "-x", "c++", "-"], { input, stdio: ["pipe", "ignore", "ignore"] });
  return result.status === 0;
}

/** How to get a compiler, cmake, a builder and the libraries where there is no apt. */
export function toolsHint() {
  if (process.platform === "darwin") {
    return "Run, then start again:\n\n  xcode-select --install; brew install cmake ninja jpeg-turbo libpng";
  }
  if (output("dnf", ["--version"]) !== undefined) {
    return "Run, then start again:\n\n  sudo dnf install -y gcc-c++ cmake ninja-build libjpeg-turbo-devel libpng-devel";
  }
  if (output("pacman", ["--version"]) !== undefined) {
    return "Run, then start again:\n\n  sudo pacman -S --needed gcc cmake ninja libjpeg-turbo libpng";
  }
  return (
    "Install a C++ compiler (g++ or clang++), cmake, ninja or make, and the headers of libjpeg-turbo and libpng with " +
    "this system's package manager."
  );
}
