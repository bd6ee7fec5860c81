import { describe, expect, test } from "vitest";
import type { MemoryStatistics } from "../../src/tensor/torch/index.js";
import { runChild } from "./child.js";

const MiB = 2 ** 20;
const run = <T>(part: string, addresses?: number) => runChild<T>("allocator.mjs", { args: [part], addresses }).result;

describe("memory that tensors let go of", () => {
  test("serves tensors of any other size, joined again, and goes back to the system by emptyCache", () => {
    const { before, freed, after, emptied } =
      run<Record<"before" | "freed" | "after" | "emptied", MemoryStatistics>>("reuse");
    expect(before.used).toBeGreaterThanOrEqual(100 * MiB);
    expect(before.used, "what blocks take beside their data").toBeLessThan(100.1 * MiB);
    expect(before.used + before.cached, "what the system is asked for beside that").toBeLessThan(104 * MiB);
    expect(freed.used).toBe(0);
    expect(freed.cached).toBe(before.used + before.cached);
    expect(after.systemAllocations).toBe(before.systemAllocations);
    expect(after.used).toBeGreaterThanOrEqual(99 * MiB);
    expect(after.peak).toBe(before.used);
    expect(after.peakReserved).toBe(freed.cached);
    expect(emptied).toMatchObject({ used: 0, peak: 0 });
    expect(emptied.cached).toBe(0);
  });

  test("stays below 1.25 times the peak and 64 MiB", () => {
    const { worst } = run<{ worst: number }>("bounded");
    expect(worst).toBeGreaterThan(0.5);
    expect(worst).toBeLessThanOrEqual(1.01);
  });

  test("is all that a training step needs once it has settled, and little more than its tensors", () => {
    const { counts, peak, peakReserved } = run<{ counts: number[]; peak: number; peakReserved: number }>("steady");
    expect(counts[0]).toBeGreaterThan(0);
    expect(counts.slice(3)).toEqual(counts.slice(3).map(() => counts.at(-1)));
    expect(peakReserved).toBeLessThan(1.25 * peak + 8 * MiB);
  });

  test("is given back before a refusal of the system becomes an error, and the process lives on", () => {
    interface Refused {
      count: number;
      error: { engine: boolean; code: string; message: string };
      again: { engine: boolean; code: string; message: string };
      systemAllocations: number;
      fragmented: MemoryStatistics;
      after: MemoryStatistics;
      sum: number;
    }
    const result = run<Refused>("refused", 6 * 1024);
    expect(result.count).toBeGreaterThan(3);
    expect(result.error).toEqual({
      engine: true,
      code: "MEMORY",
      message: expect.stringMatching(/out of memory: tensors hold \d+ bytes, 67108864 more were asked for/),
    });
    // With 64 MiB free in many places the 100 of one piece come from the system, which has them only because others went back.
    expect(result.fragmented.cached).toBeGreaterThan(100 * MiB);
    expect(result.after.used).toBeGreaterThan(result.fragmented.used + 100 * MiB);
    expect(result.after.cached).toBeLessThan(result.fragmented.cached - 64 * MiB);
    expect(result.after.systemAllocations).toBe(result.systemAllocations + 1);
    expect(result.again).toMatchObject({ engine: true, code: "MEMORY" });
    expect(result.sum).toBe(2000);
  });

  test("is nobody else's while a thread uses it", () => {
    const result = run<{ wrong: number[]; used: number; cached: number; systemAllocations: number }>("threads");
    expect(result.wrong).toEqual([0, 0, 0, 0]);
    expect(result).toMatchObject({ used: 0, cached: 0 });
    expect(result.systemAllocations).toBeGreaterThan(4);
  });
});
