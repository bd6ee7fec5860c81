import { describe, expect, test } from "vitest";
import { runChild } from "./child.js";

interface Collected {
  rss: number;
  tensors: number;
  after: number;
  used: number;
  x: number;
}

// The JavaScript side of a tensor is some hundred bytes: were V8 not told of the memory behind, it would not collect at all.
describe("the garbage collector, where nothing is disposed of", () => {
  const flags = ["--expose-gc"];

  test("a loop of 10 GB stays under 2 GB, though it never returns to the event loop", () => {
    const { result } = runChild<Collected>("collector.mjs", { args: ["large", 10], flags });
    expect(result.rss).toBeLessThan(2048);
    expect(result.tensors).toBeLessThan(500);
    expect(result.after).toBeLessThan(300);
    expect(result.x, "what is referred to lives").toBe(4);
  });

  test("a million small tensors do not pile up", () => {
    const { result } = runChild<Collected>("collector.mjs", { args: ["small", 1], flags });
    expect(result.rss).toBeLessThan(1024);
    expect(result.after).toBeLessThan(1000);
    expect(result.x).toBe(4);
  });

  test("graphs of autograd are freed with their tensors", () => {
    const { result } = runChild<Collected>("collector.mjs", { args: ["backward", 2], flags });
    expect(result.rss).toBeLessThan(2048);
    expect(result.x).toBe(4);
  });
});

describe("training", () => {
  interface Reading {
    tensors: number;
    bytes: number;
    used: number;
  }

  test("of 1,000 steps leaves no tensor and less than 5 % of resident memory behind", () => {
    const { result } = runChild<{
      loss: number;
      before: Reading;
      soon: Reading;
      after: Reading;
      growth: number;
    }>("training.mjs", { args: [1000], flags: ["--expose-gc"] });
    const counts = ({ tensors, bytes, used }: Reading) => ({ tensors, bytes, used });
    expect(counts(result.soon)).toEqual(counts(result.before));
    expect(counts(result.after)).toEqual(counts(result.before));
    expect(result.growth).toBeLessThan(0.05);
    expect(result.loss).toBeGreaterThan(0);
  });
});
