import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { loadedBlas, openBlasKernels, processorFlags } from "./blas.js";
import { rand } from "./index.js";

test.each([
  ["avx avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl", "SKYLAKEX"],
  ["avx avx2 fma avx512f", "HASWELL"],
  ["avx avx2 fma", "HASWELL"],
  ["avx", undefined],
  ["", undefined],
])("OpenBLAS's kernels for a processor with %s: %s", (flags, kernels) => {
  expect(openBlasKernels(new Set(flags.split(" ")))).toBe(kernels);
});

rand([1]); // loads the engine

test.skipIf(!/openblas/.test(loadedBlas() ?? ""))(
  "OpenBLAS takes the kernels that it is told, and the user's rather than ours",
  () => {
    const multiply = 'import("fovea/torch").then(({ rand }) => rand([64, 64]).matmul(rand([64, 64])))';
    const verbose = (env: Record<string, string>) =>
      execFileSync("sh", ["-c", `"$0" -e '${multiply}' 2>&1`, process.execPath], {
        encoding: "utf8",
        env: { PATH: process.env.PATH, OPENBLAS_VERBOSE: "2", ...env },
      });
    const chosen = openBlasKernels(processorFlags());
    if (chosen !== undefined) expect(verbose({})).toMatch(new RegExp(`Core: ${chosen}`, "i"));
    expect(verbose({ OPENBLAS_CORETYPE: "PRESCOTT" })).toMatch(/Core: Prescott/i);
  },
);
