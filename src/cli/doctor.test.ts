import { Command } from "commander";
import { afterEach, describe, expect, test, vi } from "vitest";
import { formatChecks, gatherFacts, registerDoctor } from "./doctor.js";
import { type Check, check, type Facts, isUsable } from "./doctor-checks.js";

const ENGINE: Facts["engine"] = {
  loaded: true,
  version: "1.13.1",
  addon: "/fovea/build/native/fovea.node",
  libraryPath: "/usr/lib/x86_64-linux-gnu",
  source: "debian",
  cpuCapability: "AVX2",
  capabilityChoice: "libtorch",
  threads: 4,
  hugePages: true,
  blas: "/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3",
  fused: true,
  cuda: { available: false, devices: [], reason: "this libtorch is built without CUDA" },
};

const GOOD: Facts = {
  node: "20.19.0",
  tools: { compiler: "c++ 12.2.0", cmake: "cmake 3.25.1", builder: "ninja 1.11.1" },
  engine: ENGINE,
  cpu: { model: "A processor", cores: 4, avx2: true, avx512: false },
  openMp: {},
  memory: { total: 8 * 1024 ** 3, free: 4 * 1024 ** 3 },
  images: { version: "libjpeg-turbo 2.1.5, libpng 1.6.39" },
  sharp: { version: "0.35.5" },
  onnxRuntime: { missing: "not installed" },
};

function find(facts: Facts, name: string): Check {
  const found = check(facts).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no check "${name}"`);
  return found;
}

describe("check", () => {
  test("a machine with all that is required is usable, without CUDA and ONNX Runtime", () => {
    const checks = check(GOOD);
    expect(isUsable(checks)).toBe(true);
    expect(checks.filter(({ state }) => state !== "ok").map(({ name, state }) => [name, state])).toEqual([
      ["CUDA", "optional"],
      ["ONNX Runtime", "optional"],
    ]);
    expect(find(GOOD, "CUDA").found).toBe("none: this libtorch is built without CUDA");
    expect(find(GOOD, "libtorch").found).toContain("1.13.1 (the distribution's, /usr/lib/x86_64-linux-gnu)");
  });

  test("an engine that is not built is missing, with the error's own advice", () => {
    const engine = { loaded: false, message: "The engine is not built.", hint: "Run npm run setup" } as const;
    const facts: Facts = { ...GOOD, engine };
    expect(find(facts, "libtorch")).toEqual({
      name: "libtorch",
      state: "missing",
      found: "The engine is not built.",
      advice: "Run npm run setup",
    });
    expect(isUsable(check(facts))).toBe(false);
    expect(check(facts).map(({ name }) => name)).not.toContain("Threads");
  });

  test("build tools are needed until the engine is built", () => {
    const tools = { ...GOOD.tools, cmake: undefined };
    expect(find({ ...GOOD, tools }, "Build tools")).toMatchObject({ state: "optional" });
    const engine = { loaded: false, message: "not built", hint: undefined } as const;
    expect(find({ ...GOOD, tools, engine }, "Build tools")).toMatchObject({
      state: "missing",
      found: "missing: cmake",
    });
  });

  test("an old Node and a sharp that does not load are missing", () => {
    expect(find({ ...GOOD, node: "18.20.1" }, "Node").state).toBe("missing");
    expect(find({ ...GOOD, sharp: { missing: "Could not load" } }, "sharp")).toMatchObject({
      state: "missing",
      found: "Could not load",
    });
  });

  test("the images addon is required, and says what it is built with", () => {
    expect(find(GOOD, "Images addon")).toMatchObject({ state: "ok", found: "libjpeg-turbo 2.1.5, libpng 1.6.39" });
    const facts: Facts = { ...GOOD, images: { missing: "The addon that reads images is not built." } };
    expect(find(facts, "Images addon")).toMatchObject({ state: "missing", advice: "npm run setup" });
    expect(isUsable(check(facts))).toBe(false);
  });

  test.each([
    { uses: "AVX2", by: "environment", avx2: true, avx512: true, state: "ok", advice: /without ATEN_CPU_CAPABILITY/ },
    { uses: "AVX2", by: "fovea", avx2: true, avx512: true, state: "ok", advice: /this libtorch has no kernels/ },
    { uses: "AVX512", by: "fovea", avx2: true, avx512: true, state: "ok", advice: undefined },
    { uses: "DEFAULT", by: "environment", avx2: true, avx512: false, state: "warning", advice: /AVX2/ },
    { uses: "NO AVX", by: "libtorch", avx2: false, avx512: false, state: "ok", advice: undefined },
  ])(
    "kernels for $uses, chosen by $by, on a processor with avx2 $avx2, avx512 $avx512: $state",
    ({ uses, by, avx2, avx512, ...expected }) => {
      const cpu = { ...GOOD.cpu, avx2, avx512 };
      const engine = { ...ENGINE, cpuCapability: uses, capabilityChoice: by };
      const found = find({ ...GOOD, cpu, engine }, "CPU capability");
      expect(found.state).toBe(expected.state);
      if (expected.advice === undefined) expect(found.advice).toBeUndefined();
      else expect(found.advice).toMatch(expected.advice);
    },
  );

  test("who chose the kernels is said", () => {
    const choice = (capabilityChoice: string) =>
      find({ ...GOOD, engine: { ...ENGINE, capabilityChoice } }, "CPU capability").found;
    expect(["environment", "fovea", "libtorch"].map(choice)).toEqual([
      "AVX2 (by ATEN_CPU_CAPABILITY)",
      "AVX2 (asked for by Fovea)",
      "AVX2 (libtorch's own choice)",
    ]);
  });

  test.each([1, 5])("%i threads on four cores are a warning", (threads) => {
    expect(find({ ...GOOD, engine: { ...ENGINE, threads } }, "Threads")).toMatchObject({
      state: "warning",
      found: `${threads} on 4 cores (placed by the system, waiting by spinning)`,
      advice: expect.stringContaining("OMP_NUM_THREADS"),
    });
  });

  test("what rules the threads is shown", () => {
    const openMp = { OMP_PROC_BIND: "true", OMP_WAIT_POLICY: "PASSIVE" };
    expect(find({ ...GOOD, openMp }, "Threads")).toEqual({
      name: "Threads",
      state: "ok",
      found: "4 on 4 cores (OMP_PROC_BIND=true, OMP_WAIT_POLICY=PASSIVE)",
    });
  });

  test("memory without huge pages and kernels that are off are warnings", () => {
    expect(find(GOOD, "Memory of tensors")).toMatchObject({ state: "ok", found: "cached, on huge pages" });
    expect(find(GOOD, "Own kernels")).toMatchObject({ state: "ok", found: "on" });
    const engine = { ...ENGINE, hugePages: false, fused: false };
    expect(find({ ...GOOD, engine }, "Memory of tensors")).toMatchObject({
      state: "warning",
      advice: expect.stringContaining("transparent_hugepage"),
    });
    expect(find({ ...GOOD, engine }, "Own kernels")).toMatchObject({ state: "warning", found: "off: FOVEA_FUSED=0" });
    expect(isUsable(check({ ...GOOD, engine }))).toBe(true);
  });

  test("a slow BLAS is a warning", () => {
    const found = (blas: string | undefined) => find({ ...GOOD, engine: { ...ENGINE, blas } }, "Matrix products");
    expect(found("/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3")).toMatchObject({
      state: "ok",
      found: expect.stringContaining("openblas"),
    });
    expect(found(undefined)).toMatchObject({ state: "ok", found: "libtorch's own" });
    expect(found("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0")).toMatchObject({
      state: "warning",
      advice: expect.stringContaining("libopenblas0-openmp"),
    });
  });

  test("CUDA devices are named by the name that selects them", () => {
    const cuda = { available: true, devices: ["NVIDIA A", "NVIDIA B"], reason: undefined };
    expect(find({ ...GOOD, engine: { ...ENGINE, cuda } }, "CUDA")).toEqual({
      name: "CUDA",
      state: "ok",
      found: "cuda:0 NVIDIA A, cuda:1 NVIDIA B",
    });
  });
});

test("formatChecks aligns what was found and puts advice below it", () => {
  const lines = formatChecks([
    { name: "A", state: "ok", found: "one" },
    { name: "Longer", state: "missing", found: "two", advice: "do this" },
  ]).split("\n");
  expect(lines[0]).toMatch(/A {7}one$/);
  expect(lines[1]).toMatch(/Longer {2}two$/);
  expect(lines[2]).toContain("→ do this");
  expect(lines.at(-1)).toContain("required is missing");
});

describe("fovea doctor", () => {
  afterEach(() => {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  });

  async function doctor(facts: Facts, ...args: string[]): Promise<string> {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const program = new Command().exitOverride();
    registerDoctor(program, async () => facts);
    await program.parseAsync(["doctor", ...args], { from: "user" });
    return log.mock.calls.flat().join("\n");
  }

  test("ends with exit code 0 when all is there, and 1 when something required is missing", async () => {
    expect(await doctor(GOOD)).toContain("Fovea is ready.");
    expect(process.exitCode).toBeUndefined();
    await doctor({ ...GOOD, sharp: { missing: "gone" } });
    expect(process.exitCode).toBe(1);
  });

  test("--json prints the checks", async () => {
    expect(JSON.parse(await doctor(GOOD, "--json"))).toEqual({ usable: true, checks: check(GOOD) });
  });

  test("--help shows examples", () => {
    const program = new Command();
    registerDoctor(program);
    let help = "";
    program.commands[0]?.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toContain("$ fovea doctor --json");
  });

  test("looks at this machine without failing", async () => {
    const facts = await gatherFacts();
    expect(facts.node).toBe(process.versions.node);
    expect(facts.cpu.cores).toBeGreaterThan(0);
    expect(facts.memory.total).toBeGreaterThan(facts.memory.free);
    expect(facts.images).toEqual({ version: expect.stringMatching(/^libjpeg-turbo \d\S+, libpng \d\S+$/) });
    expect(facts.sharp).toHaveProperty("version");
    expect(check(facts).length).toBeGreaterThan(6);
  });
});
