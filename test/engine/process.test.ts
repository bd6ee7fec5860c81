import { describe, expect, test } from "vitest";
import { usableCores } from "../../src/tensor/torch/index.js";
import { runChild } from "./child.js";

interface Answer {
  right: number;
  gradient: number[];
  code: number;
  error: { engine: boolean; operator: string; inputs: string };
}

describe("worker threads", () => {
  test.each(["main", "workers"])("load the engine, compute and end whenever they like (%s)", (mode) => {
    const { result } = runChild<Answer[]>("workers.mjs", { args: [mode], env: { OMP_NUM_THREADS: "2" } });
    expect(result.length).toBe(mode === "main" ? 4 : 7);
    for (const answer of result) {
      expect(answer).toMatchObject({
        right: 200,
        gradient: [400, 800, 1200],
        error: { engine: true, operator: "aten::matmul", inputs: "float32[2, 3], float32[2, 3]" },
        code: expect.any(Number),
      });
    }
  });
});

describe("a process", () => {
  interface Told {
    warnings: { name: string; message: string }[];
    threads: number;
  }

  test("hears each warning of libtorch once, as a warning of Node without C++ in it", () => {
    const { result, stderr } = runChild<Told>("warnings.mjs");
    expect(result.warnings).toEqual([
      { name: "EngineWarning", message: expect.stringContaining("not a leaf Tensor") },
      { name: "EngineWarning", message: expect.stringContaining("was resized since it had shape [3]") },
    ]);
    expect(`${stderr}${JSON.stringify(result)}`).not.toMatch(/\.cpp|\.h:\d|\(function/);
    expect(stderr.match(/not a leaf/g)).toHaveLength(1);
  });

  test("runs on all cores, or on as many as OMP_NUM_THREADS says; nonsense there is passed over", () => {
    const threads = (value: string) =>
      runChild<Told>("warnings.mjs", { env: { OMP_NUM_THREADS: value } }).result.threads;
    expect(threads("")).toBe(usableCores());
    expect(threads("1")).toBe(1);
    expect(threads("3,2")).toBe(3);
    expect(threads("many")).toBe(usableCores());
    expect(threads("-2")).toBe(usableCores());
  });
});
