import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/random.js";
import { Run, readRecords } from "../../src/train/index.js";
import { expectPlainError, fail, fovea, start, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const runs = join(work.path, "runs");

/** Everything that a training carries along: momenta, averaged weights, dropout, mixing, a checkpoint within epochs. */
const recipe = `
model: { name: nuclei_basic }
data: { source: synthetic, train: 120, validation: 12, size: 16, seed: 0 }
transforms: nuclei
size: 16
mix: { mixup: 0.2 }
epochs: 5
batchSize: 10
optimizer: { name: adamw, lr: 0.002 }
schedule: { name: cosine, warmUp: { epochs: 1 } }
average: { name: ema, decay: 0.95 }
checkpoint: { everyBatches: 5, top: 2 }
`;

/** Milliseconds of the training that nothing interrupts, with the start of the process. */
let duration = 0;

beforeAll(async () => {
  writeFileSync(join(work.path, "small.yaml"), recipe);
  const { process: child, finished } = start(["train", "small.yaml", "--name", "whole"], work.path);
  const began = performance.now();
  child.stdout?.on("data", (text: string) => {
    if (/epoch 5\/5 /.test(text)) duration = performance.now() - began;
  });
  expect(await finished).toMatchObject({ code: 0, stderr: "" });
  expect(duration).toBeGreaterThan(0);
});
afterAll(work.remove);

/** All that a run came to, but for what the clock says. */
function outcome(name: string): Record<string, unknown> {
  const folder = join(runs, name);
  const records = readRecords(join(folder, "metrics.jsonl"));
  const files = ["best", "last", ...readdirSync(join(folder, "checkpoints")).filter((one) => one.startsWith("epoch-"))]
    .flatMap((kept) => readdirSync(join(folder, "checkpoints", kept)).map((file) => join("checkpoints", kept, file)))
    .filter((file) => file.endsWith(".safetensors"))
    .sort();
  const hash = (file: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, file)))
      .digest("hex");
  return {
    records: records.map(({ seconds: _, imagesPerSecond: __, ...record }) => record),
    files: Object.fromEntries(files.map((file) => [file, hash(file)])),
  };
}

/** Begins the run, or goes on with it. */
function trainArguments(name: string): string[] {
  const folder = join(runs, name);
  if (existsSync(join(folder, "checkpoints", "last")) || existsSync(join(folder, "checkpoints", "previous"))) {
    return ["train", "--resume", `runs/${name}`];
  }
  // Killed before there was anything to go on from.
  rmSync(folder, { recursive: true, force: true });
  return ["train", "small.yaml", "--name", name];
}

describe("fovea train --resume", () => {
  it("comes to the same bits however often it was killed: 20 times with -9, at random moments", async () => {
    const expected = outcome("whole");
    expect(Object.keys(expected.files as object)).toHaveLength(6);
    const random = new Random("kill");
    const delays: number[] = [];
    for (let chain = 0; delays.length < 20; chain++) {
      const name = `killed-${chain}`;
      for (;;) {
        const { process: child, finished } = start(trainArguments(name), work.path);
        // From the start of the process, which takes a good part of the time, to the end of training.
        const delay = duration * (0.3 + random.uniform());
        const first = await Promise.race([finished, sleep(delay)]);
        if (first) {
          expect(first.stderr).toBe("");
          expect(first.code).toBe(0);
          break;
        }
        child.kill("SIGKILL");
        await finished;
        delays.push(delay);
      }
      expect(outcome(name), `killed after ${delays.map(Math.round).join(", ")} ms`).toEqual(expected);
    }
  }, 480_000);

  it("takes the checkpoint before where the newest is cut off, and says so", async () => {
    const { process: child, finished } = start(["train", "small.yaml", "--name", "cut"], work.path);
    const checkpoints = join(runs, "cut", "checkpoints");
    while (!existsSync(join(checkpoints, "previous"))) await sleep(5);
    child.kill("SIGKILL");
    await finished;
    // A kill between two renames leaves previous alone.
    const newest = join(checkpoints, existsSync(join(checkpoints, "last")) ? "last" : "previous");
    const weights = join(newest, "weights.safetensors");
    truncateSync(weights, readFileSync(weights).length - 1);
    if (newest.endsWith("previous")) {
      expect(await fail(["train", "--resume", "runs/cut"], work.path)).toContain("no checkpoint is whole");
      return;
    }
    const { code, stderr } = await fovea(["train", "--resume", "runs/cut"], work.path);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: .*last: weights\.safetensors is damaged; going on from the checkpoint before it\n$/,
    );
    expect(outcome("cut")).toEqual(outcome("whole"));
  }, 120_000);

  it("says that a training is over, and what cannot be resumed or changed", async () => {
    expect(await succeed(["train", "--resume", "runs/whole"], work.path)).toBe(
      "The training in runs/whole is over: 5 epochs are done.\n",
    );
    expect(await fail(["train", "--resume", "runs/none"], work.path)).toMatch(/runs\/none: is not the folder of a run/);
    expect(await fail(["train", "--resume", "runs/whole", "--epochs", "9"], work.path, 2)).toContain(
      "--epochs cannot be changed with --resume",
    );
    expect(await fail(["train", "small.yaml", "--resume", "runs/whole"], work.path, 2)).toContain(
      "--resume takes the run's own recipe",
    );
  });

  it("survives a full disk: the checkpoint before stays, and goes on to the same bits (skipped without tmpfs)", async (context) => {
    const full = join(work.path, "full");
    mkdirSync(full);
    // Room for one checkpoint and the best weights, not for the next checkpoint beside them.
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", full]);
    if (mount.status !== 0) context.skip();
    try {
      const outcomeOf = await fovea(["train", "small.yaml", "--name", "big", "--output", full], work.path);
      expectPlainError(outcomeOf, 1);
      expect(outcomeOf.stderr).toMatch(/full\/big\/.*could not be written \(ENOSPC: no space left on device/);
      const { position } = Run.open(join(full, "big")).resumePoint()?.state ?? {};
      expect(position?.batch).toBeGreaterThan(0);
      expect(readdirSync(join(full, "big", "checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
      expect(spawnSync("mount", ["-o", "remount,size=200m", full]).status).toBe(0);
      await succeed(["train", "--resume", join(full, "big")], work.path);
      expect(readRecords(join(full, "big", "metrics.jsonl"))).toHaveLength(5);
      for (const which of ["best", "last"]) {
        const file = join("checkpoints", which, "weights.safetensors");
        expect(readFileSync(join(full, "big", file)).equals(readFileSync(join(runs, "whole", file)))).toBe(true);
      }
    } finally {
      spawnSync("umount", [full]);
    }
  }, 120_000);
});
