import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { engineInfo, setThreads, threads } from "../tensor/torch/index.js";
import { environment, writeEnvironment } from "./environment.js";

describe("environment", () => {
  const before = threads();
  afterEach(() => setThreads(before));

  it("tells versions, machine and engine", () => {
    const told = environment();
    expect(Object.keys(told)).toEqual([
      "fovea",
      "node",
      "libtorch",
      "os",
      "cpu",
      "cpuCapability",
      "cores",
      "threads",
      "memory",
      "devices",
    ]);
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(told).toMatchObject({ fovea: version, libtorch: engineInfo().version, cpu: cpus()[0]?.model.trim() });
    expect(`v${told.node}`).toBe(process.version);
    expect(told.cpuCapability).toMatch(/^(DEFAULT|AVX2|AVX512)$/);
    expect(Number.parseFloat(told.memory ?? "")).toBeCloseTo(totalmem() / 1024 ** 3, 1);
    expect(told.devices).toMatch(/^cpu(, cuda:\d+)*$/);
    expect(Object.values(told).every((value) => value.length > 0)).toBe(true);
  });

  it("tells the threads that are in use, not those that there could be", () => {
    setThreads(before + 3);
    expect(environment().threads).toBe(String(before + 3));
  });

  it("is written as JSON, or fails with the path", () => {
    const folder = mkdtempSync(join(tmpdir(), "fovea-environment-"));
    try {
      const path = join(folder, "run", "environment.json");
      writeEnvironment(path);
      expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(environment());
      expect(() => writeEnvironment(join(path, "inside-a-file.json"))).toThrow(FileError);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
