import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

interface Figures {
  median: number;
  least: number;
  greatest: number;
}

interface Line {
  milliseconds: { intercept: number; slope: number; r2: number; worst: number };
  peakMB: { intercept: number; slope: number };
}

interface Found {
  turns: {
    found: Record<string, { rows: Record<string, number[]>; about: Record<string, unknown>; failed?: string }>;
    fatal: boolean;
    samples: Record<string, unknown>[];
  };
  noise: { taken: number; discarded: number; noisy: boolean; kept: boolean }[];
  summary: {
    ours: string;
    stock: string;
    newest: string;
    faster: Record<string, Figures>;
    contenders: Record<string, { discarded: number; noisy: number }>;
    requirements: { what: string; met: boolean }[];
  };
  lines: { straight: Line; cliff: Line };
  work: { operations: number; bytes: number };
  sections: string;
  merged: { samples: Record<string, unknown>[]; runs: Record<string, unknown> };
}

const root = fileURLToPath(new URL("../..", import.meta.url));
let found: Found;

beforeAll(() => {
  const script = fileURLToPath(new URL("./harness.mjs", import.meta.url));
  found = JSON.parse(
    execFileSync(process.execPath, [script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
});

describe("a contest", () => {
  test("takes samples in a new process each, or of one that stands ready with variables of its own", () => {
    const { once, standing } = found.turns.found;
    expect(once?.rows.ms).toEqual([7, 7]);
    expect(new Set(once?.rows.process).size).toBe(2);
    expect(standing?.rows.ms).toEqual([1, 2]);
    expect(standing?.rows.own).toEqual([5, 5]);
    expect(new Set(standing?.rows.process).size).toBe(1);
    expect(standing?.about).toMatchObject({ version: "2", samplesDiscarded: 0 });
  });

  test("goes on without one that may fail, and says why it did; fails with one that may not", () => {
    expect(found.turns.found.failing?.failed).toBe("TypeError: no compiler");
    expect(found.turns.fatal).toBe(true);
    expect(found.turns.samples.map(({ contender, round, ms }) => [contender, round, ms])).toEqual([
      ["once", 1, 7],
      ["once", 2, 7],
      ["standing", 1, 1],
      ["standing", 2, 2],
    ]);
  });

  test("takes noisy samples again, but not for ever", () => {
    expect(found.noise).toEqual([
      { taken: 3, discarded: 2, noisy: true, kept: true },
      { taken: 1, discarded: 0, noisy: false, kept: true },
    ]);
  });
});

describe("a summary of training steps", () => {
  test("compares the better formats round by round, and counts what was discarded", () => {
    const { ours, stock, newest, faster, contenders } = found.summary;
    expect([ours, stock, newest]).toEqual(["fovea", "stock", "newest-tcmalloc"]);
    expect(faster.stock).toEqual({ median: 1.5, least: 1.5, greatest: 1.5 });
    expect(faster.newest?.median).toBeCloseTo(1.1);
    expect(faster["stock-contiguous"]).toEqual({ median: 1.8, least: 180 / 110, greatest: 2 });
    expect(contenders.stock).toMatchObject({ discarded: 3, noisy: 3 });
  });

  test("says which requirements are met", () => {
    expect(found.summary.requirements.map(({ met }) => met)).toEqual([true, false, false, false]);
    expect(found.summary.requirements.at(-1)?.what).toMatch(/peak memory .* 500 of 450 MB/);
  });
});

test("a line goes through the points of a sweep, and a cliff is seen", () => {
  const { straight, cliff } = found.lines;
  expect(straight.milliseconds.intercept).toBeCloseTo(10);
  expect(straight.milliseconds.slope).toBeCloseTo(2);
  expect(straight.milliseconds).toMatchObject({ r2: expect.closeTo(1), worst: expect.closeTo(1) });
  expect(straight.peakMB).toEqual({
    intercept: expect.closeTo(7),
    slope: expect.closeTo(3),
    r2: expect.closeTo(1),
    worst: expect.closeTo(1),
  });
  expect(cliff.milliseconds.r2).toBeLessThan(0.9);
});

test("a step's least work is that of convolution and norm, thrice", () => {
  const [input, output] = [2 * 3 * 4 * 4, 2 * 8 * 4 * 4];
  expect(found.work).toEqual({
    operations: 3 * 2 * output * 3 * 3 * 3,
    bytes: 3 * 4 * (input + output + (output + output)),
  });
});

test("a section of a document is put in the place of the one before it", () => {
  expect(found.sections).toBe("before\n<!-- begin a -->\n\nnewer\n\n<!-- end a -->\nafter\n");
});

test("samples of what was measured anew replace the earlier ones, and runs without samples go", () => {
  expect(found.merged.samples).toEqual([
    { run: "1", network: "b", ms: 2 },
    { run: "2", network: "a", ms: 3 },
    { run: "3", network: "c", ms: 4 },
  ]);
  expect(found.merged.runs).toEqual({ 1: { date: "first" }, 2: { date: "second" }, 3: { date: "third" } });
});

test("npm run bench lists the benchmarks, and knows no others", () => {
  const bench = (...args: string[]) =>
    execFileSync(process.execPath, ["scripts/bench.mjs", ...args], { cwd: root, encoding: "utf8", stdio: "pipe" });
  expect(bench()).toMatch(/^ {2}training-step {2,}A step of training/m);
  expect(() => bench("nothing")).toThrow(/There is no benchmark nothing/);
});
