import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/random.js";
import { Run, readRecords } from "../../src/train/index.js";
import { environment, expectPlainError, fail, fovea, succeed, temporaryFolder } from "../cli/fovea.js";

const work = temporaryFolder();
const runs = join(work.path, "runs");
const recipe = join(work.path, "small.yaml");
const script = fileURLToPath(new URL("children/train.mjs", import.meta.url));

beforeAll(() => {
  // Everything that a training carries along: momenta, averaged weights, dropout, mixing, checkpoints within epochs.
  writeFileSync(
    recipe,
    `
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
`,
  );
});
afterAll(work.remove);

/** Trains the recipe in a process, or goes on. */
function train(name: string): { child: ChildProcess; finished: Promise<{ code: number | null; stderr: string }> } {
  const child = spawn(process.execPath, [script, recipe, join(runs, name)], {
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return { child, finished: new Promise((resolve) => child.once("close", (code) => resolve({ code, stderr }))) };
}

/** All that a run came to, but for what the clock says. */
function outcome(name: string): { records: unknown[]; files: Record<string, string> } {
  const folder = join(runs, name);
  const records = readRecords(join(folder, "metrics.jsonl"));
  const kept = readdirSync(join(folder, "checkpoints")).filter((one) => /^(best|last|epoch-\d+)$/.test(one));
  const files = kept
    .flatMap((one) => readdirSync(join(folder, "checkpoints", one)).map((file) => join("checkpoints", one, file)))
    .filter((file) => file.endsWith(".safetensors"));
  const hash = (file: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, file)))
      .digest("hex");
  return {
    records: records.map(({ seconds: _, imagesPerSecond: __, ...record }) => record),
    files: Object.fromEntries(files.map((file) => [file, hash(file)])),
  };
}

describe("a training that is killed", () => {
  it("comes to the same bits however often: 20 times with -9, at random moments", async () => {
    const began = performance.now();
    expect(await train("whole").finished).toEqual({ code: 0, stderr: "" });
    const duration = performance.now() - began;
    const expected = outcome("whole");
    expect([expected.records.length, Object.keys(expected.files).length]).toEqual([5, 6]);
    const random = new Random("kill");
    const delays: number[] = [];
    for (let chain = 0; delays.length < 20; chain++) {
      const name = `killed-${chain}`;
      for (;;) {
        const { child, finished } = train(name);
        // Where the process starts, reads, trains and writes; after that it is over.
        const delay = duration * (0.2 + 0.8 * random.uniform());
        const ended = await Promise.race(delays.length < 20 ? [finished, sleep(delay)] : [finished]);
        if (ended) {
          expect(ended).toEqual({ code: 0, stderr: "" });
          break;
        }
        child.kill("SIGKILL");
        await finished;
        delays.push(delay);
      }
      expect(outcome(name), `killed after ${delays.map(Math.round).join(", ")} ms`).toEqual(expected);
    }
  }, 480_000);

  it("survives a full disk, and goes on by the command to the same bits (skipped without tmpfs)", async (context) => {
    const full = join(work.path, "full");
    mkdirSync(full);
    // Room for one checkpoint and the best weights, not for the next checkpoint beside them.
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", full]);
    if (mount.status !== 0) context.skip();
    try {
      const stopped = await fovea(["train", recipe, "--name", "big", "--output", full], work.path);
      expectPlainError(stopped, 1);
      expect(stopped.stderr).toMatch(/full\/big\/.*could not be written \(ENOSPC: no space left on device/);
      expect(Run.open(join(full, "big")).position()?.batch).toBeGreaterThan(0);
      expect(readdirSync(join(full, "big", "checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
      expect(spawnSync("mount", ["-o", "remount,size=200m", full]).status).toBe(0);
      const resumed = ["train", "--resume", join(full, "big")];
      await succeed(resumed, work.path);
      for (const file of ["best/weights.safetensors", "last/weights.safetensors", "last/average.safetensors"]) {
        const [one, two] = [join(full, "big"), join(runs, "whole")].map((run) =>
          readFileSync(join(run, "checkpoints", file)).toString("base64"),
        );
        expect(one === two, file).toBe(true);
      }
      expect(await succeed(resumed, work.path)).toMatch(/^The training in .*big is over: 5 epochs are done\.\n$/);
      expect(await fail([...resumed, "--epochs", "9"], work.path, 2)).toContain(
        "--epochs cannot be changed with --resume",
      );
    } finally {
      spawnSync("umount", [full]);
    }
  }, 120_000);
});

describe("fovea train --resume", () => {
  it("says what it cannot go on with", async () => {
    expect(await fail(["train", "--resume", "none"], work.path)).toMatch(/none: is not the folder of a run/);
    expect(await fail(["train", recipe, "--resume", "none"], work.path, 2)).toContain("takes the run's own recipe");
  });
});
