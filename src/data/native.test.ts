import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Random } from "../random.js";
import { type BatchJob, type MixJob, nativeImages } from "./native.js";
import { OPCODES } from "./transforms/encode.js";

const native = nativeImages();
const files = z
  .record(z.string(), z.object({ file: z.base64() }))
  .parse(JSON.parse(readFileSync(new URL("fixtures/decoding.json", import.meta.url), "utf8")));

let folder = "";
const paths = new Map<string, string>();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-native-"));
  for (const [name, { file }] of Object.entries(files)) {
    paths.set(name, join(folder, name));
    writeFileSync(join(folder, name), file, "base64");
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pathOf = (name: string): string => paths.get(name) as string;

interface Sample {
  readonly source: string | Uint8Array;
  /** Of a source that is pixels. */
  readonly width?: number;
  readonly height?: number;
  readonly program: readonly number[];
}

function jobOf(samples: readonly Sample[], width: number, height: number): BatchJob {
  const starts = new Uint32Array(samples.length + 1);
  for (const [i, { program }] of samples.entries()) starts[i + 1] = (starts[i] as number) + program.length;
  return {
    sources: samples.map(({ source }) => source),
    sizes: Uint32Array.from(samples.flatMap(({ width = 0, height = 0 }) => [width, height])),
    program: Float64Array.from(samples.flatMap(({ program }) => program)),
    starts,
    output: new Float32Array(samples.length * 3 * width * height),
    width,
    height,
    layout: "nhwc",
  };
}

const BILINEAR = 1;

/** To 16x16. */
const resized: readonly number[] = [OPCODES.resize, 16, 16, BILINEAR];

/** Many images of all kinds. */
function manyFiles(count: number): BatchJob {
  const names = [...paths.values()];
  return jobOf(
    Array.from({ length: count }, (_, i) => ({ source: names[i % names.length] as string, program: resized })),
    16,
    16,
  );
}

describe("decoding a part", () => {
  const kinds = [
    "444",
    "422",
    "420",
    "grey",
    "444-progressive",
    "422-progressive",
    "420-progressive",
    "grey-progressive",
  ];
  const names = [...kinds.map((kind) => `${kind}.jpg`), "cmyk.jpg", "ycck-progressive.jpg", "rgb-8.png"];
  const more = [
    "palette-4.png",
    "grey-16.png",
    "rgb-8-interlaced.png",
    "orientation-6.jpg",
    "orientation-8-interlaced.png",
  ];

  it.each([...names, ...more])("any region of %s is that of the whole", async (name) => {
    const whole = await native.decode(pathOf(name));
    if (whole === undefined) throw new Error("not decoded");
    const random = new Random("regions", name);
    for (let round = 0; round < 60; round++) {
      const width = 1 + random.below(whole.width);
      const height = 1 + random.below(whole.height);
      const places = Array.from({ length: 8 }, (_, i) => (i === 0 ? [0, 0] : [random.uniform(), random.uniform()]));
      const programs = places.map((place) => [OPCODES.cropAt, width, height, ...place]);
      const job = jobOf(
        programs.map((program) => ({ source: pathOf(name), program })),
        width,
        height,
      );
      expect(native.runNow(job)).toEqual([]);
      const expected = programs.flatMap((program) =>
        Array.from(native.transform(whole, Float64Array.from(program)).pixels, (value) => Math.fround(value / 255)),
      );
      expect(differences(job.output, expected)).toBe(0);
    }
  });

  it("an image in memory is cut as one in a file", async () => {
    const whole = await native.decode(pathOf("420.jpg"));
    if (whole === undefined) throw new Error("not decoded");
    const { width, height, pixels } = whole;
    const program = [OPCODES.cropAt, 30, 20, 0.7, 0.6, OPCODES.resize, 8, 8, BILINEAR];
    const job = jobOf(
      [
        { source: pixels, width, height, program },
        { source: pathOf("420.jpg"), program },
      ],
      8,
      8,
    );
    expect(native.runNow(job)).toEqual([]);
    const half = job.output.length / 2;
    expect(differences(job.output.subarray(0, half), job.output.subarray(half))).toBe(0);
  });

  it("an image that is resized as a whole is exact, however small it becomes", async () => {
    const whole = await native.decode(pathOf("420.jpg"));
    if (whole === undefined) throw new Error("not decoded");
    const program = [OPCODES.resizeShorter, 3, BILINEAR, OPCODES.centerCrop, 3, 3];
    const job = jobOf([{ source: pathOf("420.jpg"), program }], 3, 3);
    expect(native.runNow(job)).toEqual([]);
    const { pixels } = native.transform(whole, Float64Array.from(program));
    expect(
      differences(
        job.output,
        Array.from(pixels, (value) => Math.fround(value / 255)),
      ),
    ).toBe(0);
  });

  it("a reduced scale looks like the full one", async () => {
    const whole = await native.decode(pathOf("420.jpg"));
    if (whole === undefined) throw new Error("not decoded");
    const { width, height, pixels } = whole;
    // At a half, a quarter, an eighth.
    for (const side of [15, 7, 3]) {
      // One box that is the whole image.
      const program = [OPCODES.resizedCrop, side, side, BILINEAR, 0.1, 10, 1, 1, width / height, 0, 0];
      const job = jobOf(
        [
          { source: pixels, width, height, program },
          { source: pathOf("420.jpg"), program },
        ],
        side,
        side,
      );
      expect(native.runNow(job)).toEqual([]);
      const half = job.output.length / 2;
      let sum = 0;
      for (let i = 0; i < half; i++) sum += Math.abs((job.output[i] ?? 0) - (job.output[half + i] ?? 0));
      // The smaller scale was used, or this test is of nothing.
      expect(sum).toBeGreaterThan(0);
      expect(sum / half).toBeLessThan(0.02);
    }
  });
});

describe("a pool", () => {
  it.each([1, 4])("of %i workers makes what this thread makes", async (workers) => {
    const pool = native.createPool(workers);
    const expected = manyFiles(500);
    expect(native.runNow(expected)).toEqual([]);
    const jobs = Array.from({ length: 5 }, () => manyFiles(500));
    expect(await Promise.all(jobs.map((job) => native.run(pool, job)))).toEqual([[], [], [], [], []]);
    for (const { output } of jobs) expect(differences(output, expected.output)).toBe(0);
    expect(await native.run(pool, jobOf([], 4, 4))).toEqual([]);
    native.closePool(pool);
  });

  it("tells which samples failed and why, and makes the others", async () => {
    const truncated = join(folder, "truncated.jpg");
    writeFileSync(truncated, Buffer.from(files["420.jpg"]?.file ?? "", "base64").subarray(0, 700));
    const text = join(folder, "text.png");
    writeFileSync(text, "This is no image.\n");
    const good = { source: pathOf("420.jpg"), program: resized };
    const job = jobOf(
      [
        good,
        { ...good, source: join(folder, "none.png") },
        { ...good, source: truncated },
        { ...good, source: text },
        { ...good, program: [OPCODES.resize, 3, 3, BILINEAR] },
        { ...good, program: [99] },
        good,
      ],
      16,
      16,
    );
    const pool = native.createPool(3);
    for (const failed of [await native.run(pool, job), native.runNow(job)]) {
      expect(failed.map(({ sample, foreign }) => [sample, foreign])).toEqual([
        [1, false],
        [2, false],
        [3, true],
        [4, false],
        [5, false],
      ]);
      expect(failed.map(({ reason }) => reason).slice(0, 3)).toEqual([
        "there is no such file",
        "is not a readable image (the file is cut short)",
        "is neither PNG nor JPEG",
      ]);
      expect(failed[3]?.reason).toMatch(/3 ?x ?3/);
    }
    const size = 16 * 16 * 3;
    expect(differences(job.output.subarray(0, size), job.output.subarray(6 * size))).toBe(0);
    expect(job.output.subarray(0, size).some((value) => value > 0)).toBe(true);
    native.closePool(pool);
  });

  it("that is closed finishes what has begun, and refuses the rest", async () => {
    const pool = native.createPool(1);
    const first = manyFiles(5000);
    first.output.fill(-1);
    const running = native.run(pool, first);
    while (first.output[0] === -1) await new Promise((resolve) => setTimeout(resolve, 1));
    const waiting = native.run(pool, manyFiles(100));
    native.closePool(pool);
    native.closePool(pool);
    await expect(waiting).rejects.toThrow("the pool was closed");
    expect(await running).toEqual([]);
    const expected = manyFiles(5000);
    native.runNow(expected);
    expect(differences(first.output, expected.output)).toBe(0);
    expect(() => native.run(pool, manyFiles(1))).toThrow("the pool is closed");
  });

  it("keeps the memory of a job until it is done", async () => {
    const pool = native.createPool(2);
    const program = [OPCODES.resize, 90, 90, BILINEAR];
    const make = (): Promise<unknown> => {
      const pixels = new Uint8Array(300 * 300 * 3).fill(77);
      return native.run(pool, jobOf(Array(20).fill({ source: pixels, width: 300, height: 300, program }), 90, 90));
    };
    const jobs = Array.from({ length: 50 }, make);
    for (let i = 0; i < 200; i++) new Uint8Array(2 ** 20).fill(i);
    expect(await Promise.all(jobs)).toEqual(Array(50).fill([]));
    native.closePool(pool);
  });
});

describe("mixing", () => {
  const mixed = (mix: readonly number[], values: readonly number[], layout: "nchw" | "nhwc", extraPartner = false) => {
    const job: MixJob = {
      values: Float32Array.from(values),
      count: values.length / 12 - (extraPartner ? 1 : 0),
      extraPartner,
      width: 2,
      height: 2,
      layout,
      mix: Float64Array.from(mix),
    };
    native.mixNow(job);
    return job.values;
  };
  const random = new Random("mix");
  const values = Array.from({ length: 48 }, () => Math.fround(random.uniform() * 4 - 2));
  const partner = (i: number, count: number): number => (i < 12 ? i + 12 * (count - 1) : i - 12);

  it("mixup takes the one before, the first one the last or the extra one", () => {
    const lambda = 0.3;
    const expected = values.map((own, i) =>
      Math.fround(
        Math.fround(Math.fround(lambda) * own) +
          Math.fround(Math.fround(1 - lambda) * (values[partner(i, 4)] as number)),
      ),
    );
    expect([...mixed([0, lambda], values, "nchw")]).toEqual(expected);
    const extra = mixed([0, lambda], values, "nchw", true);
    // The three samples, the first with the fourth, which stays.
    expect([...extra]).toEqual([...expected.slice(0, 36), ...values.slice(36)]);
    expect([...mixed([0, 1], values, "nhwc")]).toEqual(values);
    expect([...mixed([0, 0.5], values.slice(0, 12), "nhwc")]).toEqual(values.slice(0, 12));
  });

  it.each(["nchw", "nhwc"] as const)("CutMix takes the partner's box, %s", (layout) => {
    // The right column: x is 1.
    const column = (i: number): number => (layout === "nchw" ? i % 2 : Math.floor(i / 3) % 2);
    const expected = values.map((own, i) => (column(i) === 1 ? values[partner(i, 4)] : own));
    expect([...mixed([1, 1, 0, 1, 2], values, layout)]).toEqual(expected);
    expect([...mixed([1, 1, 1, 0, 0], values, layout)]).toEqual(values);
  });

  it("runs in a pool too", async () => {
    const pool = native.createPool(1);
    const job = {
      count: 4,
      extraPartner: false,
      width: 2,
      height: 2,
      layout: "nchw",
      mix: Float64Array.of(0, 0.3),
    } as const;
    const own = Float32Array.from(values);
    expect(await native.mix(pool, { ...job, values: own })).toBeUndefined();
    expect([...own]).toEqual([...mixed([0, 0.3], values, "nchw")]);
    native.closePool(pool);
  });
});

describe("wrong arguments are errors", () => {
  const pixels = new Uint8Array(12);
  const good = (): BatchJob => jobOf([{ source: pixels, width: 2, height: 2, program: [] }], 2, 2);

  it.each<[string, Record<string, unknown>]>([
    ["expected an array", { sources: "a.png" }],
    ["sources", { sources: [7] }],
    ["sizes", { sizes: new Uint32Array(1) }],
    ["2x3", { sizes: Uint32Array.of(2, 3) }],
    ["0x2", { sizes: Uint32Array.of(0, 2) }],
    ["4294967295x4294967295", { sizes: Uint32Array.of(2 ** 32 - 1, 2 ** 32 - 1) }],
    ["Uint32Array", { sizes: [2, 2] }],
    ["starts", { starts: Uint32Array.of(0) }],
    ["in order", { starts: Uint32Array.of(1, 0) }],
    ["in order", { starts: Uint32Array.of(0, 1) }],
    ["Float64Array", { program: new Float32Array(0) }],
    ["output", { output: new Float32Array(11) }],
    ["output", { output: new Float64Array(12) }],
    ["width", { width: 0 }],
    ["whole number", { width: 1.5 }],
    ["width", { width: 1e9, height: 1e9 }],
    ["layout", { layout: "rgb" }],
    ["missing", { program: undefined }],
  ])("%s", (message, change) => {
    expect(native.runNow(good())).toEqual([]);
    const job: BatchJob = { ...good(), ...change };
    expect(() => native.runNow(job)).toThrow(TypeError);
    expect(() => native.runNow(job)).toThrow(message);
    const pool = native.createPool(1);
    expect(() => native.run(pool, job)).toThrow(TypeError);
    native.closePool(pool);
  });

  it.each([
    [[]],
    [[2, 1]],
    [[0]],
    [[0, 1.1]],
    [[0, Number.NaN]],
    [[1, 0, 0, 3, 1]],
    [[1, -1, 0, 1, 1]],
    [[1, 0, 0, 0.5, 1]],
  ])("mix %j", (mix) => {
    const job = { values: new Float32Array(12), count: 1, extraPartner: false, width: 2, height: 2 };
    expect(() => native.mixNow({ ...job, layout: "nchw", mix: Float64Array.from(mix) })).toThrow(TypeError);
  });

  it("counts, pools, images", () => {
    const job = {
      values: new Float32Array(24),
      width: 2,
      height: 2,
      layout: "nchw",
      mix: Float64Array.of(0, 1),
    } as const;
    expect(() => native.mixNow({ ...job, count: 1, extraPartner: false })).toThrow("expected 12 values, got 24");
    expect(() => native.mixNow({ ...job, count: 2, extraPartner: true })).toThrow("expected 36 values, got 24");
    expect(() => native.mixNow({ ...job, count: -1, extraPartner: false })).toThrow(TypeError);
    for (const workers of [0, -1, 1.5, 5000]) expect(() => native.createPool(workers)).toThrow(TypeError);
    const image = { width: 2, height: 2, pixels: new Uint8Array(11) };
    expect(() => native.transform(image, new Float64Array(0))).toThrow("expected 12 values, got 11");
    const normalize = Float64Array.of(OPCODES.normalize, 0, 0, 0, 1, 1, 1);
    expect(() => native.transform({ ...image, pixels }, normalize)).toThrow(TypeError);
  });
});

it("maps files", () => {
  const path = join(folder, "mapped");
  writeFileSync(path, "mapped bytes");
  expect(Buffer.from(native.map(path)).toString()).toBe("mapped bytes");
  writeFileSync(path, "");
  expect(native.map(path)).toEqual(new Uint8Array(0));
  expect(() => native.map(folder)).toThrow("is a folder");
  expect(() => native.map(join(folder, "none"))).toThrow("there is no such file");
});

/** How many values differ. */
function differences(some: ArrayLike<number>, others: ArrayLike<number>): number {
  expect(some.length).toBe(others.length);
  let count = 0;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) count++;
  return count;
}
