import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readCheckpoint, readSafetensors } from "../../src/weights/index.js";
import { fail, succeed, temporaryFolder } from "./fovea.js";

// Written by PyTorch: test/golden/torch-files.py
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url));
const work = temporaryFolder();
beforeAll(() => copyFileSync(fixture("lightning-legacy-1.13.pt"), join(work.path, "net.ckpt")));
afterAll(work.remove);

it("turns a Lightning checkpoint into safetensors, with all it says, and that into a PyTorch file", async () => {
  const said = await succeed(["convert", "net.ckpt", "out/net.safetensors"], work.path);
  expect(said).toMatch(
    /^Read net\.ckpt \(PyTorch, from before 1\.6\): 7 tensors with 12 parameters, in its entry state_dict/,
  );
  expect(said).toMatch(/without the prefix model\. of all names\.\n/);
  expect(said).toMatch(/\nWrote out\/net\.safetensors: [\d.]+ (B|KiB), hyper-parameters included\.\n$/);

  const { tensors, metadata } = readSafetensors(join(work.path, "out/net.safetensors"));
  expect([...tensors.keys()].sort()).toEqual(
    ["0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"].sort(),
  );
  expect(metadata.epoch).toBe("3");
  expect(JSON.parse(metadata.hyper_parameters ?? "")).toMatchObject({
    model_name: "Net",
    model_hparams: { sizes: [16, 32] },
    limits: ["Infinity", "NaN"],
  });

  const json: unknown = JSON.parse(await succeed(["convert", "out/net.safetensors", "net.pt", "--json"], work.path));
  expect(json).toMatchObject({
    input: "out/net.safetensors",
    output: "net.pt",
    tensors: 7,
    parameters: 12,
    bytes: readFileSync(join(work.path, "net.pt")).length,
    format: "safetensors",
    prefix: "",
    entry: "",
    metadata: { epoch: "3" },
    hyperParameters: { model_name: "Net" },
  });
  const back = readCheckpoint(join(work.path, "net.pt"));
  expect(back.tensors.get("0.weight")).toEqual(tensors.get("0.weight"));
  expect(back.hyperParameters).toMatchObject({ model_name: "Net" });
  expect(back.metadata).toMatchObject({ epoch: "3", global_step: "1404" });
});

it("takes the moving average on demand", async () => {
  const wrapped = fixture("wrapped-2.13.pt");
  expect(await succeed(["convert", wrapped, "plain.safetensors"], work.path)).toContain(
    "It has tensors in model_ema too, which --entry takes.",
  );
  await succeed(["convert", wrapped, "ema.safetensors", "--entry", "model_ema"], work.path);
  const values = (name: string) => {
    const data = readSafetensors(join(work.path, name)).tensors.get("weight")?.data ?? new Uint8Array();
    return [...new Float32Array(data.slice().buffer)];
  };
  expect(values("plain.safetensors")).toEqual([1, 2]);
  expect(values("ema.safetensors")).toEqual([10, 20]);
});

it("overwrites no input, by whatever name", async () => {
  const whole = readFileSync(fixture("state-2.13.pt"));
  mkdirSync(join(work.path, "same"));
  writeFileSync(join(work.path, "same/a.pt"), whole);
  linkSync(join(work.path, "same/a.pt"), join(work.path, "same/hard.pt"));
  symlinkSync("a.pt", join(work.path, "same/soft.pt"));
  for (const output of ["same/a.pt", "./same/../same/a.pt", "same/hard.pt", "same/soft.pt"]) {
    expect(await fail(["convert", "same/a.pt", output], work.path)).toContain(
      "is the file to read; it is not overwritten",
    );
  }
  expect(readFileSync(join(work.path, "same/a.pt")).equals(whole)).toBe(true);
  expect(readdirSync(join(work.path, "same")).sort()).toEqual(["a.pt", "hard.pt", "soft.pt"]);
});

it("refuses what it cannot read or write, runs nothing, and leaves what was there", async () => {
  const evil = `\x80\x02cposix\nsystem\nX\x10\x00\x00\x00touch executed.x\x85R.`;
  const legacy = Buffer.from(
    "80028a0a6cfc9c46f9206aa850192e80024de9032e80027d550d6c6974746c655f656e6469616e88732e",
    "hex",
  );
  writeFileSync(join(work.path, "evil.pt"), Buffer.concat([legacy, Buffer.from(evil, "latin1")]));
  writeFileSync(join(work.path, "cut.pt"), readFileSync(fixture("state-1.13.pt")).subarray(0, 4000));
  writeFileSync(join(work.path, "kept.safetensors"), "before");
  const cases: [string, string, RegExp][] = [
    ["evil.pt", "kept.safetensors", /evil\.pt: the pickle, .* refuses posix\.system: .*nothing is run\nIf you trust/],
    ["cut.pt", "kept.safetensors", /cut\.pt: is cut off/],
    ["none.pt", "kept.safetensors", /none\.pt: could not be read/],
    ["net.ckpt", "net.onnx", /net\.onnx: does not say in which format/],
    ["net.ckpt", "net", /Name a file that ends in \.safetensors, \.pt or \.pth\./],
  ];
  for (const [input, output, message] of cases) {
    expect(await fail(["convert", input, output], work.path)).toMatch(message);
  }
  expect(readFileSync(join(work.path, "kept.safetensors"), "utf8")).toBe("before");
  for (const name of ["executed.x", "net.onnx", "net"]) expect(existsSync(join(work.path, name))).toBe(false);
});
