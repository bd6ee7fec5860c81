/** A contender that stands ready: contender.mjs says how it is asked for samples. serve.py is the same in Python. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { median } from "./figures.mjs";

/** The most megabytes that this process has had resident. */
export function peakMegabytes() {
  return (Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024) / 1e6;
}

async function timed(step) {
  const start = performance.now();
  await step();
  return performance.now() - start;
}

/** Three steps, or fewer where they take long. */
export async function warmUp(step, budget) {
  await step();
  const start = performance.now();
  for (let i = 0; i < 2 && performance.now() - start < budget; i++) await step();
}

/**
 * The median of as many steps as the budget of milliseconds holds, in milliseconds. The first one finds the caches cold; it counts only if it
 * fills the budget.
 */
async function sample(step, budget) {
  const first = await timed(step);
  const times = first >= budget ? [first] : [];
  for (let spent = times.length * first; spent < budget; spent += times.at(-1)) times.push(await timed(step));
  return { milliseconds: median(times), steps: times.length, peakMB: peakMegabytes() };
}

/** Says `about`, then answers every line of the input with what `measure` gives: numbers by their row, or a promise of them. */
export async function answer(about, measure) {
  console.log(JSON.stringify(about));
  for await (const _ of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify({ results: await measure() }));
  }
}

/**
 * Samples of a step of training.
 *
 * @param step may return a promise
 * @param budget milliseconds
 */
export function serve(about, step, budget) {
  return answer(about, () => sample(step, budget));
}
