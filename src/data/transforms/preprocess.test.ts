import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readGolden } from "../../../test/support/files.js";
import type { Size } from "../image-set.js";
import { preprocess } from "./preprocess.js";
import { parsePipeline, type TransformInput } from "./schema.js";

interface Case extends Size {
  pipeline: TransformInput[];
  size: Size;
  sha256: string;
}

const { pipelines } = readGolden<{ pipelines: Case[] }>("preprocessing");

/** `picture` of test/golden/preprocessing.py. */
function picture(width: number, height: number) {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + Math.floor(i / 97) ** 2) % 256);
  return { width, height, pixels };
}

describe("preprocess", () => {
  it.each(pipelines)("is torchvision's, bit for bit: $width x $height, $pipeline", (golden) => {
    const image = picture(golden.width, golden.height);
    const before = image.pixels.slice();
    const { values, ...size } = preprocess(image, parsePipeline(golden.pipeline));
    expect(size).toEqual(golden.size);
    expect(values).toHaveLength(3 * size.width * size.height);
    expect(createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex")).toBe(golden.sha256);
    expect(image.pixels).toEqual(before);
  });

  it("without any transform gives pixels in [0, 1], channel by channel", () => {
    const { values } = preprocess({ width: 2, height: 1, pixels: Uint8Array.of(0, 51, 255, 102, 153, 204) }, []);
    expect([...values]).toEqual([0, 0.4, 0.2, 0.6, 1, 0.8].map(Math.fround));
  });

  it("refuses what is random", () => {
    const pipeline = parsePipeline([{ name: "resize", size: 8 }, { name: "randomHorizontalFlip" }]);
    expect(() => preprocess(picture(9, 9), pipeline)).toThrow("transform 2 (randomHorizontalFlip) is for training");
  });
});

it("needs no module of Node, nor those that it is made of", () => {
  const seen = new Set<string>();
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = readFileSync(url, "utf8");
    for (const [, typeOnly, path = ""] of source.matchAll(/^(?:import|export)( type)? [^;]*?from "([^"]+)";/gms)) {
      if (typeOnly) continue;
      expect([url.pathname, path]).not.toEqual([url.pathname, expect.stringMatching(/^node:|sharp/)]);
      if (path.startsWith(".")) visit(new URL(path.replace(/\.js$/, ".ts"), url));
    }
  };
  visit(new URL("./index.ts", import.meta.url));
  expect(seen.size).toBeGreaterThan(15);
});
