import { describe, expect, it } from "vitest";
import { MlflowError, type MlflowMetric } from "./mlflow.js";
import { MetricQueue } from "./mlflow-queue.js";

const points = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: "loss", value: 0, timestamp: 1, step: from + i }));
const away = new MlflowError("away", { transient: true });
const wrong = new MlflowError("wrong", { transient: false });

/** A server that fails at some of its requests, counted from 1; what it took and what failures were told of. */
function server(failures: Readonly<Record<number, Error>> = {}) {
  const taken: number[][] = [];
  const told: unknown[] = [];
  let requests = 0;
  const send = async (metrics: readonly MlflowMetric[]) => {
    const failure = failures[++requests];
    if (failure) throw failure;
    taken.push(metrics.map(({ step }) => step));
  };
  const queue = new MetricQueue(send, (error) => told.push(error));
  return { queue, taken, told, requests: () => requests };
}

describe("MetricQueue", () => {
  it("sends the first at once, and together what comes meanwhile", async () => {
    const { queue, taken } = server();
    queue.add(points(1, 1));
    expect(taken).toEqual([[1]]);
    for (const step of [2, 3, 4]) queue.add(points(step, 1));
    queue.add([]);
    expect(await queue.finish(5000)).toBe(0);
    expect(taken).toEqual([[1], [2, 3, 4]]);
  });

  it("sends at most 1000 in a request, in order", async () => {
    const { queue, taken } = server();
    queue.add(points(0, 2500));
    const start = performance.now();
    expect(await queue.finish(5000)).toBe(0);
    expect(performance.now() - start).toBeLessThan(400);
    expect(taken.map(({ length }) => length)).toEqual([1000, 1000, 500]);
    expect(taken.flat()).toEqual(points(0, 2500).map(({ step }) => step));
  });

  it("tries again by itself", async () => {
    const { queue, taken, told, requests } = server({ 1: away });
    queue.add(points(1, 1));
    await expect.poll(() => taken, { timeout: 10_000 }).toEqual([[1]]);
    expect([requests(), told]).toEqual([2, [away]]);
    // And is there for what comes later.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    queue.add(points(2, 1));
    expect(taken).toEqual([[1], [2]]);
    expect(await queue.finish(5000)).toBe(0);
  });

  it("hurries at the end, and tries again there too", async () => {
    const { queue, taken, told } = server({ 1: away, 2: away, 3: away });
    queue.add(points(1, 2));
    const start = performance.now();
    expect(await queue.finish(10_000)).toBe(0);
    // Two pauses of half a second, and no more.
    expect(performance.now() - start).toBeLessThan(3000);
    expect([taken, told]).toEqual([[[1, 2]], [away, away, away]]);
  });

  it("gives up in time, and tells how many were lost", async () => {
    const failures = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i + 1, away]));
    const { queue, taken } = server(failures);
    queue.add(points(1, 3));
    const start = performance.now();
    expect(await queue.finish(100)).toBe(3);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(taken).toEqual([]);
  });

  it("stops a request that hangs", async () => {
    const told: unknown[] = [];
    const queue = new MetricQueue(
      (_, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(away))),
      (error) => told.push(error),
    );
    queue.add(points(1, 3));
    expect(await queue.finish(100)).toBe(3);
    expect(told).toEqual([]);
  });

  it("passes over what is refused", async () => {
    const { queue, taken, told } = server({ 1: wrong });
    queue.add(points(1, 3));
    await new Promise((resolve) => setImmediate(resolve));
    queue.add(points(4, 1));
    expect(await queue.finish(5000)).toBe(3);
    expect([taken, told]).toEqual([[[4]], [wrong]]);
  });
});
