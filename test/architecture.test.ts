import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

/** What each folder of `src` may import, as CONTRIBUTING.md tells; the linter's rules are held against it. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  pickle: [],
  download: [],
  tensor: [],
  nn: ["tensor"],
  graph: ["tensor", "nn"],
  models: ["tensor", "nn"],
  weights: ["pickle", "download", "tensor", "nn", "models"],
  data: ["pickle", "download", "tensor"],
  optim: ["tensor", "nn"],
  train: ["pickle", "download", "tensor", "nn", "graph", "models", "weights", "data", "optim"],
  onnx: ["graph", "data"],
  report: ["tensor", "graph", "train"],
  cli: ["pickle", "download", "tensor", "nn", "graph", "models", "weights", "data", "optim", "train", "onnx", "report"],
};
const FOLDERS = Object.keys(MAY_IMPORT);

/** One import, the file that it stands in, and whether the linter lets it pass. */
interface Case {
  name: string;
  file: string;
  code: string;
  allowed: boolean;
}

function layerCases(): Case[] {
  return FOLDERS.flatMap((from) =>
    FOLDERS.filter((to) => to !== from).map((to) => ({
      name: `${from} -> ${to}`,
      file: `src/${from}/imports-${to}.ts`,
      code: `export { something } from "../${to}/index.js";`,
      allowed: (MAY_IMPORT[from] ?? []).includes(to),
    })),
  );
}

const SPECIAL: Case[] = [
  ...["nn", "graph", "models", "tensor"].flatMap((folder) => [
    {
      name: `${folder} runs without libtorch`,
      file: `src/${folder}/engine.ts`,
      code: `export { scope } from "${folder === "tensor" ? "." : "../tensor"}/torch/index.js";`,
      allowed: false,
    },
    {
      name: `${folder} runs in a browser`,
      file: `src/${folder}/disk.ts`,
      code: 'export { readFileSync } from "node:fs";',
      allowed: false,
    },
    {
      name: `${folder} does not write files`,
      file: `src/${folder}/write.ts`,
      code: 'export { writeFileAtomic } from "../files.js";',
      allowed: false,
    },
    {
      name: `${folder} throws our errors`,
      file: `src/${folder}/error.ts`,
      code: 'export { ShapeError } from "../errors.js";',
      allowed: true,
    },
  ]),
  {
    name: "not even a type of the engine in nn",
    file: "src/nn/type.ts",
    code: 'export type { TorchTensor } from "../tensor/torch/index.js";',
    allowed: false,
  },
  {
    name: "nor by a dynamic import",
    file: "src/nn/dynamic.ts",
    code: 'export const engine = await import("../tensor/torch/index.js");',
    allowed: false,
  },
  {
    name: "nor from a folder further down",
    file: "src/nn/blocks/deep.ts",
    code: 'export { Trainer } from "../../train/index.js";',
    allowed: false,
  },
  {
    name: "a unit test may use the engine",
    file: "src/nn/layer.test.ts",
    code: 'export { scope } from "../tensor/torch/index.js";',
    allowed: true,
  },
  {
    name: "symbolic does not know torch",
    file: "src/tensor/symbolic/a.ts",
    code: 'export { x } from "../torch/index.js";',
    allowed: false,
  },
  {
    name: "torch does not know symbolic",
    file: "src/tensor/torch/a.ts",
    code: 'export { x } from "../symbolic/index.js";',
    allowed: false,
  },
  {
    name: "torch loads the addon",
    file: "src/tensor/torch/load.ts",
    code: 'export { createRequire } from "node:module";\nexport { default } from "./fovea.node";',
    allowed: true,
  },
  {
    name: "nobody else loads the addon",
    file: "src/cli/load.ts",
    code: 'export { default } from "../../build/fovea.node";',
    allowed: false,
  },
  {
    name: "not even data",
    file: "src/data/load.ts",
    code: 'export { default } from "../../build/fovea.node";',
    allowed: false,
  },
  {
    name: "which loads the images addon",
    file: "src/data/native.ts",
    code: 'export { default } from "../../build/images.node";',
    allowed: true,
  },
  {
    name: "nobody else loads the images addon",
    file: "src/train/images.ts",
    code: 'export { default } from "../../build/images.node";',
    allowed: false,
  },
  {
    name: "onnx imports ONNX Runtime",
    file: "src/onnx/a.ts",
    code: 'export { InferenceSession } from "onnxruntime-node";',
    allowed: true,
  },
  ...["data", "train", "cli"].map((folder) => ({
    name: `${folder} does not import ONNX Runtime`,
    file: `src/${folder}/inference.ts`,
    code: 'export { InferenceSession } from "onnxruntime-node";',
    allowed: false,
  })),
  {
    name: "no detour over the package's entry point",
    file: "src/data/detour.ts",
    code: 'export { Trainer } from "../index.js";',
    allowed: false,
  },
  {
    name: "nor over its published name",
    file: "src/data/published.ts",
    code: 'export { Trainer } from "fovea/train";',
    allowed: false,
  },
  {
    name: "errors.ts imports no folder",
    file: "src/errors.ts",
    code: 'export { Tensor } from "./tensor/index.js";',
    allowed: false,
  },
  {
    name: "a benchmark uses the public API",
    file: "bench/inside.ts",
    code: 'export { secret } from "../src/tensor/torch/secret.js";',
    allowed: false,
  },
  {
    name: "a benchmark imports a folder's index",
    file: "bench/outside.ts",
    code: 'export { scope } from "../src/tensor/torch/index.js";',
    allowed: true,
  },
];

const CASES = [...layerCases(), ...SPECIAL];

const Report = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.object({ path: z.string() }) })),
});

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The files that the linter refuses for an import, of a tree that holds nothing but these. */
function refusedFiles(folder: string, cases: readonly Case[]): string[] {
  cpSync(join(root, "biome.json"), join(folder, "biome.json"));
  writeFileSync(join(folder, ".gitignore"), "build/\n");
  for (const { file, code } of cases) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${code}\n`);
  }
  const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
  const args = ["lint", "--only=style/noRestrictedImports", "--reporter=json", "--max-diagnostics=none"];
  const { stdout } = spawnSync(process.execPath, [biome, ...args], { cwd: folder, encoding: "utf8" });
  return Report.parse(JSON.parse(stdout))
    .diagnostics.filter(({ category }) => category === "lint/style/noRestrictedImports")
    .map(({ location }) => location.path.replace(/^\.\//, ""));
}

describe("the linter enforces the dependency order", () => {
  let folder = "";
  let refused: string[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "fovea-architecture-"));
    refused = refusedFiles(folder, CASES);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(CASES)("$name ($allowed)", ({ file, allowed }) => {
    expect(refused.includes(file) ? "refused" : "allowed").toBe(allowed ? "allowed" : "refused");
  });
});
