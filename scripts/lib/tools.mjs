import { output } from "./run.mjs";

/** The first of these commands that runs, or undefined. A name on PATH may be a wrapper around nothing. */
function firstThatRuns(names) {
  return names.find((name) => output(name, ["--version"]) !== undefined);
}

/** What compiles the addon. Each is the command's name, or undefined when there is none. */
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

/** How to get a compiler, cmake and a builder where there is no apt. */
export function toolsHint() {
  if (process.platform === "darwin")
    return "Run, then start again:\n\n  xcode-select --install; brew install cmake ninja";
  if (output("dnf", ["--version"]) !== undefined) {
    return "Run, then start again:\n\n  sudo dnf install -y gcc-c++ cmake ninja-build";
  }
  if (output("pacman", ["--version"]) !== undefined) {
    return "Run, then start again:\n\n  sudo pacman -S --needed gcc cmake ninja";
  }
  return "Install a C++ compiler (g++ or clang++), cmake, and ninja or make with this system's package manager.";
}
