import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FileServer, send, serve, sha256 } from "../../test/support/file-server.js";
import { computed, expectClose, fillScaled, waves } from "../../test/support/golden.js";
import { cacheFolder } from "../download/index.js";
import { FileError } from "../errors.js";
import { createModel } from "../models/index.js";
import type { Module } from "../nn/index.js";
import type { StoredTensor } from "../tensor/index.js";
import { device, memory, noGrad, scope, type TorchTensor, tensor } from "../tensor/torch/index.js";
import { cachedPath } from "./cache.js";
import { pretrained } from "./pretrained.js";
import { findPublished, type PublishedWeights } from "./published.js";
import { saveWeights } from "./weights.js";

const root = mkdtempSync(join(tmpdir(), "fovea-pretrained-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const made: Module[] = [];
let cache = 0;
beforeEach(() => {
  vi.stubEnv("FOVEA_CACHE", join(root, String(cache++)));
  vi.stubEnv("FOVEA_WEIGHTS_MIRROR", undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const model of made.splice(0)) model.release();
});

/** Weights in a file as PyTorch writes it, and the row that publishes them. */
function publish(
  model: string,
  state: ReadonlyMap<string, TorchTensor>,
  server: Pick<FileServer, "url">,
): { row: PublishedWeights; bytes: Uint8Array } {
  const path = join(root, `${model}.pth`);
  saveWeights(path, state);
  const bytes = readFileSync(path);
  const sha256Prefix = sha256(bytes).slice(0, 8);
  const row = { ...findPublished(model), url: `${server.url}${model}.pth`, bytes: bytes.length, sha256Prefix };
  return { row, bytes };
}

/** A network with weights by formula. */
function filled(name: string): { model: Module; state: Map<string, TorchTensor> } {
  const model = createModel(name);
  fillScaled(model);
  const state = new Map<string, TorchTensor>();
  for (const [key, value] of model.stateDict()) {
    state.set(key, tensor(value.data(), value.shape, { dtype: value.dtype }));
  }
  made.push(model);
  return { model, state };
}

function run(model: Module, channels = 3): Float32Array {
  return scope(() => noGrad(() => computed(model.eval().forward(waves([1, channels, 64, 64], 2))).dataAs("float32")));
}

/** Faster by far than `toEqual` for a million numbers. */
function expectSame(a: StoredTensor | undefined, b: StoredTensor | undefined): void {
  if (!a || !b) throw new Error("there is no such tensor");
  expect(sha256(new Uint8Array(a.data().buffer))).toBe(sha256(new Uint8Array(b.data().buffer)));
}

/** With a server that publishes weights. They are freed at the end. */
async function withServer<T>(
  model: string,
  state: ReadonlyMap<string, TorchTensor>,
  body: (row: PublishedWeights, server: FileServer) => Promise<T>,
): Promise<T> {
  let bytes = new Uint8Array();
  await using server = await serve((request, response) => send(request, response, bytes));
  const published = publish(model, state, server);
  bytes = Uint8Array.from(published.bytes);
  try {
    return await body(published.row, server);
  } finally {
    for (const value of state.values()) value.dispose();
  }
}

describe("a pretrained network", () => {
  it("computes what its weights do, and is downloaded once", async () => {
    const { model, state } = filled("squeezenet1_1");
    await withServer("squeezenet1_1", state, async (row, server) => {
      const live = memory().tensors;
      const found = await pretrained(row);
      expect(found.model.training).toBe(false);
      expect(found.categories).toEqual(row.categories);
      expect(found.preprocessing).toEqual(row.preprocessing);
      expect(run(found.model)).toEqual(run(model));
      found.model.release();
      expect(memory().tensors).toBe(live);
      (await pretrained(row)).model.release();
      expect(server.requests).toHaveLength(1);
      expect(cachedPath(row)).toBe(join(cacheFolder(), "weights", "squeezenet1_1.pth"));
    });
  });

  it("comes from a mirror where one is named", async () => {
    const { state } = filled("squeezenet1_1");
    await withServer("squeezenet1_1", state, async (row, server) => {
      vi.stubEnv("FOVEA_WEIGHTS_MIRROR", `${server.url}models/`);
      (await pretrained({ ...row, url: "https://weights.invalid/elsewhere/squeezenet1_1.pth" })).model.release();
      expect(server.requests).toHaveLength(1);
    });
  });

  it("has a fresh head for other classes, by the seed", async () => {
    const { state } = filled("squeezenet1_1");
    await withServer("squeezenet1_1", state, async (row) => {
      const [a, b, c] = [
        await pretrained(row, { classes: 5, seed: 1 }),
        await pretrained(row, { classes: 5, seed: 1 }),
        await pretrained(row, { classes: 5, seed: 2 }),
      ];
      expect(a.categories).toBeUndefined();
      const [first, again, otherSeed] = [a, b, c].map(({ model }) => model.stateDict());
      const head = ["classifier.1.weight", "classifier.1.bias"];
      for (const [name, value] of first ?? []) {
        if (head.includes(name)) expect(value.shape[0]).toBe(5);
        else expectSame(value, state.get(name));
        expectSame(again?.get(name), value);
      }
      // Those that the network would begin its training with.
      const untrained = createModel("squeezenet1_1", { classes: 5 }).materialize(device(), 1);
      for (const name of head) expectSame(first?.get(name), untrained.stateDict().get(name));
      expect(otherSeed?.get("classifier.1.weight")?.data()).not.toEqual(first?.get("classifier.1.weight")?.data());
      expect(first?.get("classifier.1.weight")?.requiresGrad).toBe(true);
      untrained.release();
      for (const { model } of [a, b, c]) model.release();
    });
  });

  it("has its first convolution adapted to other channels", async () => {
    const { state } = filled("squeezenet1_1");
    const first = "features.0.weight";
    const rgb = state.get(first);
    if (!rgb) throw new Error("the first convolution is called otherwise");
    const [out = 0, , height = 0, width = 0] = rgb.shape;
    const plane = height * width;
    const source = rgb.dataAs("float32");
    await withServer("squeezenet1_1", state, async (row) => {
      for (const channels of [1, 2, 4, 7]) {
        const { model, categories } = await pretrained(row, { inChannels: channels });
        expect(categories).toHaveLength(1000);
        const adapted = model.stateDict().get(first);
        expect(adapted?.shape).toEqual([out, channels, height, width]);
        // timm's rule, written out.
        const expected = Float32Array.from({ length: out * channels * plane }, (_, i) => {
          const [o, c, p] = [Math.floor(i / (channels * plane)), Math.floor(i / plane) % channels, i % plane];
          const at = (colour: number) => source[(o * 3 + colour) * plane + p] ?? Number.NaN;
          return channels === 1 ? at(0) + at(1) + at(2) : (at(c % 3) * 3) / channels;
        });
        expectClose(Float32Array.from(adapted?.data() ?? [], Number), expected, 1e-6);
        expect(run(model, channels).every(Number.isFinite)).toBe(true);
        model.release();
      }
    });
  });

  it("reads DenseNet's old names, half precision, and files without counts of batches", async () => {
    const { model, state } = filled("densenet121");
    const old = new Map<string, TorchTensor>();
    for (const [name, value] of state) {
      if (name.endsWith("num_batches_tracked")) continue;
      old.set(name.replace(/(denselayer\d+\.(?:norm|conv))([12]\.)/, "$1.$2"), value.to({ dtype: "float16" }));
    }
    expect([...old.keys()]).toContain("features.denseblock1.denselayer1.norm.1.weight");
    await withServer("densenet121", old, async (row) => {
      const found = await pretrained(row);
      const types = new Set([...found.model.stateDict().values()].map(({ dtype }) => dtype));
      expect(types).toEqual(new Set(["float32", "int64"]));
      expectClose(run(found.model), run(model), 0.02);
      found.model.release();
    });
  });

  it("leaves GoogLeNet's auxiliary heads out", async () => {
    const { model, state } = filled("googlenet");
    const more = new Map(state);
    for (const name of ["aux1.conv.conv.weight", "aux2.fc2.bias"]) more.set(name, tensor([1, 2, 3]));
    await withServer("googlenet", more, async (row) => {
      const found = await pretrained(row);
      expect(run(found.model)).toEqual(run(model));
      found.model.release();
    });
  });

  it("is refused with another network's weights, which are named", async () => {
    const { state } = filled("squeezenet1_1");
    state.delete("features.0.bias");
    state.set("features.99.bias", tensor([1]));
    await withServer("squeezenet1_1", state, async (row) => {
      const live = memory().tensors;
      const failure = await pretrained(row).catch((error: unknown) => error);
      if (!(failure instanceof FileError)) throw failure;
      expect(failure.message).toContain("missing: features.0.bias");
      expect(failure.message).toContain("unexpected: features.99.bias");
      await expect(pretrained({ ...row, model: "squeezenet1_0" })).rejects.toThrow(
        "missing: features.0.bias, features.5.",
      );
      expect(memory().tensors).toBe(live);
    });
  });

  it("is not asked for when something else is wrong", async () => {
    vi.stubEnv("FOVEA_WEIGHTS_MIRROR", "http://127.0.0.1:1/");
    await expect(pretrained("resnet51")).rejects.toThrow('no network named "resnet51"');
    await expect(pretrained("resnet18", { weights: "V7" })).rejects.toThrow('no weights "V7" of resnet18');
    await expect(pretrained("squeezenet1_1", { stochasticDepth: 0.1 })).rejects.toThrow(
      "has no option stochasticDepth",
    );
  });
});

describe("the cache", () => {
  it("is where the environment says", () => {
    expect(cacheFolder({ FOVEA_CACHE: "/a", XDG_CACHE_HOME: "/b" })).toBe("/a");
    expect(cacheFolder({ XDG_CACHE_HOME: "/b" })).toBe("/b/fovea");
    expect(cacheFolder({ XDG_CACHE_HOME: "relative" })).toMatch(/\/\.cache\/fovea$/);
    expect(cacheFolder({ FOVEA_CACHE: "" })).toMatch(/\/\.cache\/fovea$/);
  });

  it("is checked before every use", async () => {
    const { state } = filled("squeezenet1_1");
    await withServer("squeezenet1_1", state, async (row, server) => {
      (await pretrained(row)).model.release();
      const bytes = readFileSync(cachedPath(row));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(cachedPath(row), bytes);
      (await pretrained(row)).model.release();
      expect(server.requests).toHaveLength(2);
      expect(sha256(readFileSync(cachedPath(row))).slice(0, 8)).toBe(row.sha256Prefix);
    });
  });
});
