/** Who takes part in training-step.mjs and scaling.mjs. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../training-step.mjs", import.meta.url));
const python = fileURLToPath(new URL("../training-step.py", import.meta.url));
/** What torch.compile keeps: minutes of a network's first time. */
const compiled = fileURLToPath(new URL("../../build/compiled", import.meta.url));
const venv = fileURLToPath(new URL("../../build/venv/bin/python", import.meta.url));

/** What each is called, and of whom it is: two formats of one are the same contender, of which the better one counts. */
export const all = {
  fovea: { title: "Fovea, channels last", of: "fovea", format: "channelsLast" },
  "fovea-contiguous": { title: "Fovea, contiguous", of: "fovea", format: "contiguous" },
  stock: { title: "PyTorch on the same libtorch, channels last", of: "stock", format: "channelsLast" },
  "stock-contiguous": { title: "PyTorch on the same libtorch, contiguous", of: "stock", format: "contiguous" },
  newest: { title: "newest PyTorch", of: "newest", format: "channelsLast" },
  "newest-tcmalloc": { title: "newest PyTorch, tcmalloc", of: "newest", format: "channelsLast", tcmalloc: true },
  compiled: { title: "newest PyTorch, compiled", of: "newest", format: "channelsLast", compile: true },
  "compiled-tcmalloc": {
    title: "newest PyTorch, compiled, tcmalloc",
    of: "newest",
    format: "channelsLast",
    compile: true,
    tcmalloc: true,
  },
};

/** How the command line says where they are. */
export const peerOptions = {
  "newest-python": { type: "string", default: process.env.NEWEST_PYTHON ?? venv },
  tcmalloc: { type: "string", default: findTcmalloc() ?? "" },
};

function findTcmalloc() {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
  // The minimal one is the same allocator without its profilers.
  for (const name of ["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"]) {
    const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Those of `names` that can take part here; says of the others why they cannot. */
export function present(names, options) {
  return names.filter((name) => {
    const { of, tcmalloc } = all[name];
    const lacking = [
      of === "newest" && !existsSync(options["newest-python"]) && `no Python at ${options["newest-python"]}`,
      tcmalloc && !existsSync(options.tcmalloc) && "no tcmalloc: apt install libtcmalloc-minimal4, or --tcmalloc PATH",
    ].filter(Boolean);
    if (lacking.length > 0) process.stderr.write(`${name} does not take part: ${lacking.join(", ")}\n`);
    return lacking.length === 0;
  });
}

/**
 * Command lines for `contest`.
 *
 * @param network name, batch, size and classes
 * @param options.budget seconds of a sample
 */
export function trainingContenders(names, { name, batch, size, classes }, options) {
  const shape = Object.entries({ network: name, batch, size, classes, budget: options.budget });
  const args = shape.flatMap(([key, value]) => [`--${key}`, String(value)]);
  return Object.fromEntries(
    names.map((contender) => {
      const { of, format, compile, tcmalloc } = all[contender];
      const own = [...args, "--format", format];
      if (of === "fovea") {
        const command = [process.execPath, script, "--measure", "fovea", "--threads", String(options.threads), ...own];
        return [contender, { command, standing: true }];
      }
      const interpreter = of === "stock" ? options.python : options["newest-python"];
      const command = [interpreter, "-B", python, ...own, ...(compile ? ["--compile"] : [])];
      const env = {
        ...(tcmalloc ? { LD_PRELOAD: options.tcmalloc } : {}),
        ...(compile ? { TORCHINDUCTOR_CACHE_DIR: join(compiled, `${name}-${batch}`) } : {}),
      };
      return [contender, { command, env, standing: true, optional: of === "newest" }];
    }),
  );
}
