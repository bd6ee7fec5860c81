import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { OPCODES } from "./transforms/encode.js";

const files = z
  .record(z.string(), z.object({ file: z.base64() }))
  .parse(JSON.parse(readFileSync(new URL("fixtures/decoding.json", import.meta.url), "utf8")));

describe("a process with pools", () => {
  const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
  const record = z
    .object({ images: z.string() })
    .parse(JSON.parse(readFileSync(join(root, "build/engine.json"), "utf8")));
  const setUp = `
    const native = require(${JSON.stringify(join(root, record.images))});
    const job = (count) => {
      const side = 200;
      const source = new Uint8Array(side * side * 3);
      return {
        sources: Array(count).fill(source), sizes: new Uint32Array(2 * count).fill(side),
        program: Float64Array.from(Array(count).fill([${OPCODES.resize}, 100, 100, 2]).flat()),
        starts: Uint32Array.from({ length: count + 1 }, (_, i) => 4 * i),
        output: new Float32Array(count * 30000), width: 100, height: 100, layout: "nchw",
      };
    };`;
  /** What a process of its own printed. */
  function runs(code: string, ...flags: string[]): string {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, "-e", setUp + code], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
    return stdout.trim();
  }

  it("ends with an idle pool", () => {
    expect(runs(`const pool = native.createPool(3); native.run(pool, job(2)).then(console.log);`)).toBe("[]");
  });

  it("waits for what a pool has to do", () => {
    expect(runs(`native.run(native.createPool(2), job(300)).then(console.log);`)).toBe("[]");
  });

  it("collects pools that were forgotten, with their threads", () => {
    const code = `
      const threads = () => require("fs").readdirSync("/proc/self/task").length;
      const before = process.platform === "linux" ? threads() : 0;
      const forget = async () => { for (let i = 0; i < 20; i++) await native.run(native.createPool(5), job(2)); };
      forget().then(async () => {
        for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 20)); }
        console.log(process.platform === "linux" ? threads() - before < 20 : true);
      });`;
    expect(runs(code, "--expose-gc")).toBe("true");
  });

  it("exits in the middle of a job", () => {
    const code = `
      const big = job(2000);
      native.run(native.createPool(2), big).then(() => console.log("done"));
      setTimeout(() => { console.log("exit"); process.exit(0); }, 50);`;
    expect(runs(code)).toBe("exit");
  });

  it("ends a worker in the middle of a job, and works on in another", () => {
    const code = `
      const { Worker, isMainThread } = require("worker_threads");
      const work = ${JSON.stringify(setUp)} + "native.run(native.createPool(2), job(COUNT)).then((failed) => " +
        "require('worker_threads').parentPort.postMessage(failed)); setTimeout(() => {}, 50);";
      const first = new Worker(work.replace("COUNT", "5000"), { eval: true });
      const second = new Worker(work.replace("COUNT", "50"), { eval: true });
      second.on("message", (failed) => {
        console.log(failed);
        first.terminate().then(() => native.run(native.createPool(1), job(5))).then(console.log);
      });`;
    expect(runs(code)).toBe("[]\n[]");
  });

  it("uses no more memory for many batches than for a few", () => {
    const code = `
      (async () => {
        const pool = native.createPool(2);
        const image = { width: 600, height: 400, pixels: new Uint8Array(600 * 400 * 3) };
        const encoded = Buffer.from(${JSON.stringify(files["420.jpg"]?.file)}, "base64");
        const turn = Float64Array.of(${OPCODES.flipHorizontal});
        const round = async () => {
          await Promise.all([native.run(pool, job(20)), native.run(pool, job(20))]);
          for (let i = 0; i < 10; i++) native.transform(image, turn);
          await native.decode(encoded);
        };
        for (let i = 0; i < 20; i++) await round();
        const before = process.memoryUsage.rss();
        for (let i = 0; i < 40; i++) await round();
        console.log((process.memoryUsage.rss() - before) / 2 ** 20);
      })();`;
    // Each round makes 12 MiB, of which none is kept.
    expect(Number(runs(code))).toBeLessThan(100);
  });
});
