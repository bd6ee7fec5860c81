import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { predictPretrained } from "../../src/cli/predict-pretrained.js";
import { decodeImage, preprocessImage } from "../../src/data/index.js";
import { createModel } from "../../src/models/index.js";
import { noGrad, scope, tensor } from "../../src/tensor/torch/index.js";
import { findPublished, type PublishedWeights, saveWeights } from "../../src/weights/index.js";
import { type FileServer, type Sending, send, serve, sha256 } from "../support/file-server.js";
import { computed, fillScaled } from "../support/golden.js";
import { environment, fail, start, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
const published = findPublished("squeezenet1_1");
const image = join(work.path, "wide.png");
/** Something of the size that was published. */
const wrong = new Uint8Array(published.bytes).fill(7);
let server: FileServer;
let body: Uint8Array;
let sending: Sending;

beforeAll(async () => {
  server = await serve((request, response) => send(request, response, body, sending));
  const pixels = Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * 37 + Math.floor(i / 97) ** 2) % 256);
  await sharp(pixels, { raw: { width: 300, height: 200, channels: 3 } }).toFile(image);
  writeFileSync(join(work.path, "broken.png"), readFileSync(image).subarray(0, 1000));
});
afterAll(async () => {
  await server.close();
  work.remove();
});

/** Serves a file, and gives commands a cache of their own. @returns the folder where they keep weights */
function prepare(cache: string, content: Uint8Array, how: Sending = {}): string {
  body = content;
  sending = how;
  server.requests.length = 0;
  const folder = join(work.path, cache);
  for (const variables of [environment, process.env]) {
    variables.FOVEA_CACHE = folder;
    variables.FOVEA_WEIGHTS_MIRROR = server.url;
  }
  return join(folder, "weights");
}
afterEach(() => {
  vi.restoreAllMocks();
  for (const variables of [environment, process.env]) {
    delete variables.FOVEA_CACHE;
    delete variables.FOVEA_WEIGHTS_MIRROR;
  }
});

describe("fovea predict --pretrained", () => {
  it("names the five likeliest classes of each image", async () => {
    const model = createModel("squeezenet1_1");
    fillScaled(model);
    const path = join(work.path, "weights.pth");
    saveWeights(path, model);
    const bytes = readFileSync(path);
    const row: PublishedWeights = { ...published, bytes: bytes.length, sha256Prefix: sha256(bytes).slice(0, 8) };
    const ready = preprocessImage(await decodeImage(readFileSync(image)), row.preprocessing);
    const logits = scope(() =>
      noGrad(() => computed(model.eval().forward(tensor(ready, [1, 3, 224, 224]))).dataAs("float32")),
    );
    model.release();
    const sum = logits.reduce((all, x) => all + Math.exp(x), 0);
    const expected = row.categories
      .map((name, i) => ({ name, probability: Math.exp(logits[i] ?? 0) / sum }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, 5);

    prepare("good", bytes);
    const said = vi.spyOn(console, "log").mockImplementation(() => {});
    const options = { weights: "best", device: "cpu", json: true } as const;
    await predictPretrained(row, [image, image], options);
    const found = JSON.parse(String(said.mock.calls[0]?.[0]));
    expect(found).toHaveLength(2);
    expect(found[1].path).toBe(image);
    expect(found[1].predicted).toBe(expected[0]?.name);
    expect(Object.keys(found[1].probabilities)).toEqual(expected.map(({ name }) => name));
    for (const { name, probability } of expected) {
      expect(found[1].probabilities[name]).toBeCloseTo(probability, 5);
    }

    said.mockClear();
    const warned = vi.spyOn(console, "error").mockImplementation(() => {});
    const paths = [image, join(work.path, "broken.png")];
    await predictPretrained(row, paths, { ...options, json: undefined, skipUnreadable: true });
    const text = said.mock.calls.join("\n");
    expect(text).toContain("squeezenet1_1 with the weights IMAGENET1K_V1: 58.2 % right");
    expect(text).toContain(expected[4]?.name);
    expect(warned.mock.calls.join("\n")).toContain("broken.png: ");
    await expect(predictPretrained(row, paths, options)).rejects.toThrow("broken.png: is not a readable image");
    expect(server.requests).toHaveLength(1);
  });

  it("refuses weights that are not the published ones", async () => {
    const folder = prepare("wrong", wrong);
    const said = await fail(["predict", "--pretrained", "squeezenet1_1", image], work.path);
    expect(said).toContain(`its SHA-256 begins with ${sha256(wrong).slice(0, 8)}, not ${published.sha256Prefix}.`);
    expect(said).toContain(`put it at ${join(folder, basename(published.url))}\n`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("without a network says what to put where", async () => {
    const folder = prepare("offline", wrong);
    environment.FOVEA_WEIGHTS_MIRROR = "https://weights.invalid/models";
    const said = await fail(["predict", "--pretrained", "resnet50:imagenet1k_v1", image], work.path);
    expect(said).toContain("error: https://weights.invalid/models/resnet50-0676ba61.pth: could not be reached (");
    expect(said).toContain(`\nDownload it by other means and put it at ${join(folder, "resnet50-0676ba61.pth")}\n`);
  });

  it("goes on with the download of a process that was killed", async () => {
    const folder = prepare("killed", wrong, { stallAfter: 1_000_000 });
    const first = start(["predict", "--pretrained", "squeezenet1_1", image], work.path);
    const part = () => readdirSync(folder).find((name) => name.endsWith(".part")) ?? "";
    await vi.waitFor(() => expect(readFileSync(join(folder, part())).length).toBe(1_000_000), 20_000);
    first.process.kill("SIGKILL");
    await first.finished;
    sending = {};
    expect(await fail(["predict", "--pretrained", "squeezenet1_1", image], work.path)).toContain("SHA-256");
    expect(server.requests[1]?.range).toBe("bytes=1000000-");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says what it cannot do, before anything is downloaded", async () => {
    prepare("nothing", wrong);
    const cases: [string[], string][] = [
      [["resnet5o", image], "Did you mean resnet50"],
      [["nuclei_basic", image], "There are no published weights of nuclei_basic."],
      [["resnet50:V3", image], "There are IMAGENET1K_V2, IMAGENET1K_V1."],
      [["squeezenet1_1", "nowhere"], "nowhere: "],
      [["squeezenet1_1", image, "--device", "cuda:9"], 'There is no device "cuda:9".'],
    ];
    for (const [args, message] of cases) {
      expect(await fail(["predict", "--pretrained", ...args], work.path)).toContain(message);
    }
    const both = ["predict", "--pretrained", "squeezenet1_1", image, "--weights", "last"];
    expect(await fail(both, work.path, 2)).toContain("cannot be used with option '--weights");
    expect(server.requests).toEqual([]);
  });
});
