import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { Run, readRecords } from "../../src/train/index.js";
import { loadWeights } from "../../src/weights/index.js";
import { expectPlainError, filesBelow, fovea, type Outcome, start, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const small = "--size 32 --train-images 150 --validation-images 9 --batch-size 10 --epochs 400".split(" ");

afterAll(work.remove);

/** Starts a training, waits for a text on its output, and sends it a signal some time later. */
async function interrupt(
  name: string,
  text: RegExp,
  after: number,
  signals: readonly NodeJS.Signals[],
): Promise<Outcome> {
  const { process: child, finished } = start(["train", "--name", name, ...small], work.path);
  await new Promise<void>((resolve) => {
    let said = "";
    child.stdout?.on("data", (chunk: string) => {
      said += chunk;
      if (text.test(said)) resolve();
    });
    child.once("close", () => resolve());
  });
  for (const signal of signals) {
    await sleep(after);
    child.kill(signal);
  }
  return finished;
}

describe("fovea train", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("saves what was learnt at %s in mid-epoch", async (signal) => {
    const outcome = await interrupt(signal, /\nepoch +2\/400 /, 60, [signal]);
    expect(outcome.code).toBe(130);
    expect(outcome.stderr).toBe("Stopping after this step …\n");
    const folder = join(work.path, "runs", signal);
    const records = readRecords(join(folder, "metrics.jsonl"));
    expect(records.length).toBeGreaterThanOrEqual(2);
    expect(outcome.stdout).toContain(`\nStopped in epoch ${records.length + 1} after `);
    expect(outcome.stdout).toContain(`runs/${signal}/checkpoints/last/weights.safetensors.\n`);
    expect(outcome.stdout).toMatch(new RegExp(`Go on with +fovea train --resume runs/${signal}\n$`));
    // Everything is whole: weights, charts, and no half-written file.
    const files = filesBelow(folder);
    expect(files).toContain("curves.png");
    expect(files.filter((path) => path.endsWith(".tmp"))).toEqual([]);
    const last = loadWeights(join(folder, "checkpoints", "last", "weights.safetensors"));
    expect(last.metadata.epoch).toBe(String(records.length));
    for (const which of ["best", "last"] as const) expect(Run.open(folder).loadModel(which).training).toBe(false);
    await succeed(["evaluate", `runs/${signal}`, "--weights", "last"], work.path);
  });

  it("keeps the last weights of the first epoch too", async () => {
    const { code, stdout, stderr } = await interrupt("early", /\nRun {12}/, 0, ["SIGINT"]);
    expect([code, stderr]).toEqual([130, "Stopping after this step …\n"]);
    expect(stdout).toContain("Stopped in epoch 1 after ");
    const files = filesBelow(join(work.path, "runs", "early"));
    expect(files).toContain("checkpoints/last/weights.safetensors");
    expect(files.some((file) => file.startsWith("checkpoints/best/") || file.endsWith(".tmp"))).toBe(false);
    await succeed(["evaluate", "runs/early", "--weights", "last"], work.path);
  });

  it("ends at once at a second Ctrl-C, with what was saved before", async () => {
    const { code } = await interrupt("twice", /\nepoch +1\/400 /, 1, ["SIGINT", "SIGINT"]);
    expect(code).toBe(130);
    expect(Run.open(join(work.path, "runs", "twice")).loadModel("best").training).toBe(false);
  });

  it("says when the disk is full (skipped where no tmpfs can be mounted)", async (context) => {
    const full = join(work.path, "full");
    mkdirSync(full);
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", full]);
    if (mount.status !== 0) context.skip();
    try {
      const outcome = await fovea(["train", "--name", "big", "--output", full, ...small], work.path);
      expectPlainError(outcome, 1);
      expect(outcome.stderr).toMatch(/full\/big\/.*could not be written \(ENOSPC: no space left/);
      // Nothing that is only half there.
      expect(filesBelow(full).filter((file) => file.includes("checkpoints"))).toEqual([]);
      expect(readFileSync(join(full, "big", "recipe.yaml"), "utf8")).toContain("version: 3");
    } finally {
      spawnSync("umount", [full]);
    }
  });

  it("says when training diverges, and keeps what was saved", async () => {
    const args = ["train", "--name", "wild", "--lr", "1e30", "--optimizer", "sgd", "--schedule", "constant", ...small];
    const outcome = await fovea(args, work.path);
    expectPlainError(outcome, 1);
    expect(outcome.stderr).toMatch(
      /^error: The loss became (NaN|Infinity) in epoch 1, step 2\.\nTry a lower learning rate\.\n$/,
    );
    const files = filesBelow(join(work.path, "runs", "wild"));
    expect(files.filter((file) => file.startsWith("checkpoints"))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(["diverged/batch.json", "diverged/batch.safetensors"]));
    expect(JSON.parse(readFileSync(join(work.path, "runs", "wild", "diverged", "batch.json"), "utf8"))).toMatchObject({
      epoch: 1,
      step: 2,
    });
  });
});
