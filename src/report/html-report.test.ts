import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArgumentError } from "../errors.js";
import { trace } from "../graph/index.js";
import { AdaptiveAvgPool2d, Conv2d, Flatten, Linear, Sequential } from "../nn/index.js";
import { classificationReport } from "../train/classification-report.js";
import type { EpochRecord, Scores } from "../train/epoch.js";
import { ConfusionMatrix } from "../train/metrics.js";
import { type HtmlReportParts, htmlReport, writeHtmlReport } from "./html-report.js";

// Vega and Vega-Lite warn of what they do not understand in a specification.
const warn = vi.spyOn(console, "warn");
beforeEach(() => {
  warn.mockClear();
});
afterEach(() => expect(warn).not.toHaveBeenCalled());

describe("htmlReport", () => {
  it("tells the run's figures", async () => {
    const page = await htmlReport(parts(["a", "b", "c"]));
    // By hand. Each class's 4 images against 8 others win 28 of 32 comparisons: 3 * (7 + 1/2) + (4 + 3/2).
    // The loss: -(9 ln 0.6 + 3 ln 0.4) / 12.
    expect(figuresOf(page)).toEqual({
      "Best epoch": "2 of 3",
      Accuracy: "75.00 %",
      "Balanced accuracy": "75.00 %",
      "Macro F1": "75.00 %",
      "ROC-AUC, mean": "0.8750",
      "Calibration error": "15.00 %",
      Loss: "0.612",
      Parameters: "251",
      "Multiply-adds": "13.8 k",
      Time: "2m 5s",
    });
    expect(page).toContain(
      "<p>The weights of epoch 2, the best of 3 by\nbalanced accuracy, on 12 images of 3 classes.</p>",
    );
    expect(page).toContain('<div class="chosen"><dt>Balanced accuracy</dt>');
    const sections = [...page.matchAll(/<h2 id="(\w+)">/g)].map(([, id]) => id);
    expect(sections).toEqual(["training", "classes", "calibration", "mistakes", "network", "recipe", "environment"]);
    expect(page).toContain("3 of 12 images were predicted wrong; here the 2 with the highest probability");
    expect(page).toContain('<pre tabindex="0" dir="ltr">model: tiny\n</pre>');
    expect(page).toContain('<th scope="row"><bdi>node</bdi></th><td><bdi>20</bdi></td>');
  });

  it("follows the metric, and tells what is averaged", async () => {
    const given = parts(["a", "b", "c"]);
    const records = given.records.map((record) => ({ ...record, average: scores(0.9, 0.1 * record.epoch) }));
    const page = await htmlReport({ ...given, records, metric: "loss" });
    expect(page).toContain("The averaged weights of epoch 1, the best of 3 by\nloss");
    expect(figuresOf(page)["Best epoch"]).toBe("1 of 3");
    expect(page).toContain('<div class="chosen"><dt>Loss</dt>');
    expect(page).toContain("Averaged weights at the best epoch, 1: 0.100");
  });

  it("shows notes and stages where there are some", async () => {
    const bare = await htmlReport(parts(["a", "b", "c"]));
    expect(bare).not.toMatch(/class="notes"|id="stages"/);
    const page = await htmlReport({
      ...parts(["a", "b", "c"]),
      notes: ["Stopped early"],
      stages: [
        { Stage: 1, Size: 128 },
        { Stage: 2, Size: 160, Mixup: 0.2 },
      ],
    });
    expect(page).toContain('<ul class="notes" aria-label="Notes"><li><bdi>Stopped early</bdi></li></ul>');
    expect(page).toContain('<tr><th scope="row">1</th><td class="number">128</td><td class="number">–</td></tr>');
    expect(page).toContain('<tr><th scope="row">2</th><td class="number">160</td><td class="number">0.2</td></tr>');
  });

  it("tells of many classes which are confused most, and the top five", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `class ${i}`);
    const page = await htmlReport(parts(names));
    // Each class's one mistake in four; the true class is always one of the two that are probable.
    expect(page).toContain(
      '<th scope="row"><bdi>class 0</bdi></th><td class="name"><bdi>class 1</bdi></td><td class="number">1</td>' +
        '<td class="number">25.0 %</td>',
    );
    expect(page.match(/<td class="name">/g)).toHaveLength(10);
    expect(figuresOf(page)["Top-5 accuracy"]).toBe("100.00 %");
    // The legend's gradient is this chart's own.
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const used = [...page.matchAll(/url\(#([^)]*)\)/g)].map(([, id]) => id);
    expect(used).toContain("confusion-gradient_0");
    expect(ids).toEqual(expect.arrayContaining(used));
  });

  it("shows mistakes pixel by pixel, large ones smaller", async () => {
    const given = parts(["a", "b", "c"]);
    const [mistake] = given.mistakes;
    if (mistake === undefined) throw new Error("no mistake");
    const large = { pixels: new Uint8Array(400 * 300 * 3).fill(9), width: 400, height: 300 };
    const page = await htmlReport({ ...given, mistakes: [mistake, { ...mistake, picture: large }] });
    const [small, shrunk] = [...page.matchAll(/<img src="data:image\/png;base64,([^"]*)"( class="pixels")?/g)];
    const { data, info } = await sharp(Buffer.from(small?.[1] ?? "", "base64"))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([2, 1, 3]);
    expect([...data]).toEqual([...mistake.picture.pixels]);
    expect([small?.[2], shrunk?.[2]]).toEqual([' class="pixels"', undefined]);
    const meta = await sharp(Buffer.from(shrunk?.[1] ?? "", "base64")).metadata();
    expect([meta.width, meta.height]).toEqual([160, 120]);
    expect(page).toContain('alt="b/1.png: a, taken for b"');
  });

  it("is a page that is whole, loads nothing, runs nothing, and is not large", async () => {
    const noise = { pixels: new Uint8Array(224 * 224 * 3).map((_, i) => (i * 7919) % 251), width: 224, height: 224 };
    const names = Array.from({ length: 30 }, (_, i) => `class ${i}`);
    const given = parts(names);
    const mistakes = Array.from({ length: 12 }, () => ({
      picture: noise,
      truth: "class 1",
      predicted: "class 2",
      confidence: 0.9,
      name: "noise",
    }));
    const page = await htmlReport({ ...given, mistakes });
    const tags = tagsOf(page);
    expect(tags.some(([tag]) => ["script", "link", "iframe", "object", "embed", "use", "image"].includes(tag))).toBe(
      false,
    );
    expect(page).not.toMatch(/(?:src|href)="(?!data:image\/png;base64,)|@import|url\((?!#)/);
    expect(page).toContain("default-src 'none'");
    expect(page.length).toBeLessThan(2e6);
    // What readers of other kinds need: the language, one h1, texts of pictures, heads of tables.
    expect(page).toContain('<html lang="en">');
    expect(tags.filter(([tag]) => tag === "h1")).toHaveLength(1);
    expect(tags.filter(([tag, attributes]) => tag === "img" && !attributes.includes("alt"))).toEqual([]);
    expect(tags.filter(([tag, attributes]) => tag === "svg" && !attributes.includes("aria-label"))).toEqual([]);
    expect(tags.filter(([tag, attributes]) => tag === "th" && !attributes.includes("scope"))).toEqual([]);
  });

  it("stays the same page whatever names are in it", async () => {
    const hostile = [
      "<script>alert(1)</script>",
      `"' onload="alert(1)`,
      `\u202Eevil\u0000]]> --> &lt; ${"x".repeat(5000)} עברית`,
    ] as const;
    const [first, second, third] = hostile;
    const bad = { ...parts(hostile), ...texts(first, second, third) };
    const good = { ...parts(["a", "b", "c"]), ...texts("d", "e", "f") };
    const page = await htmlReport(bad);
    expect(tagsOf(page)).toEqual(tagsOf(await htmlReport(good)));
    expect([page.includes("<script"), page.includes("\0")]).toEqual([false, false]);
    expect(page).toContain("<title>&lt;script&gt;alert(1)&lt;/script&gt; – Fovea</title>");
    expect(page).toContain("<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>");
  });

  it("needs an epoch, and pixels that fit", async () => {
    const given = parts(["a", "b", "c"]);
    await expect(htmlReport({ ...given, records: [] })).rejects.toThrow(ArgumentError);
    const [mistake] = given.mistakes;
    const torn = mistake && { ...mistake, picture: { pixels: new Uint8Array(5), width: 2, height: 1 } };
    await expect(htmlReport({ ...given, mistakes: torn ? [torn] : [] })).rejects.toThrow(
      "image 0: 5 bytes are not 2 x 1 pixels of 3 bytes",
    );
  });

  it("is written", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fovea-html-"));
    try {
      const path = join(folder, "run", "report.html");
      const given = { ...parts(["a", "b", "c"]), mistakes: [] };
      await writeHtmlReport(path, given);
      expect(readFileSync(path, "utf8")).toBe(await htmlReport(given));
      expect(readFileSync(path, "utf8")).toContain("3 of 12 images were predicted wrong.");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Four images of each class, the last of which is taken for the next class. All are given 0.6, and 0.4 for the other one. */
function parts(classes: readonly string[]): HtmlReportParts {
  const count = classes.length;
  const labels = Array.from({ length: 4 * count }, (_, i) => Math.floor(i / 4));
  const predictions = labels.map((label, i) => (i % 4 === 3 ? (label + 1) % count : label));
  const probabilities = new Float32Array(labels.length * count);
  for (const [i, label] of labels.entries()) {
    const next = (label + 1) % count;
    const isRight = predictions[i] === label;
    probabilities[i * count + label] = isRight ? 0.6 : 0.4;
    probabilities[i * count + next] = isRight ? 0.4 : 0.6;
  }
  const matrix = new ConfusionMatrix(classes);
  matrix.add(labels, predictions);
  const [truth = "", predicted = ""] = classes;
  const mistake = { truth, predicted, confidence: 0.6, name: "b/1.png" };
  const network = new Sequential(new Conv2d(3, 8, 3), new AdaptiveAvgPool2d(1), new Flatten(), new Linear(8, 3));
  return {
    title: "tiny-1",
    records: [record(1, 0.5, 0.9), record(2, 0.75, 0.6), record(3, 0.7, 0.7)],
    metric: "balancedAccuracy",
    evaluation: { matrix, report: classificationReport(matrix, probabilities, labels) },
    mistakes: [
      { ...mistake, picture: { pixels: Uint8Array.of(1, 2, 3, 250, 251, 252), width: 2, height: 1 } },
      { ...mistake, picture: { pixels: Uint8Array.of(7, 8, 9), width: 1, height: 1 } },
    ],
    network: trace(network, [1, 3, 10, 10]),
    recipe: "model: tiny\n",
    environment: { node: "20" },
  };
}

function texts(one: string, two: string, three: string): Partial<HtmlReportParts> {
  const picture = { pixels: new Uint8Array(3), width: 1, height: 1 };
  return {
    title: one,
    notes: [two],
    stages: [{ [one]: two, [three]: 1 }],
    recipe: `${one}\n${three}`,
    environment: { [two]: three },
    mistakes: [{ picture, truth: one, predicted: three, confidence: 0.9, name: two }],
  };
}

function record(epoch: number, accuracy: number, loss: number): EpochRecord {
  return {
    epoch,
    train: { loss: loss / 2, accuracy },
    validation: scores(accuracy, loss),
    learningRate: 0.001 / epoch,
    seconds: 41.7,
    imagesPerSecond: 100,
  };
}

function scores(accuracy: number, loss: number): Scores {
  return {
    loss,
    accuracy,
    balancedAccuracy: accuracy,
    macroF1: accuracy,
    top5Accuracy: 1,
    rocAuc: 0.9,
    calibrationError: 0.1,
  };
}

function figuresOf(page: string): Record<string, string> {
  return Object.fromEntries(
    [...page.matchAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd>/g)].map(([, title = "", value = ""]) => [title, value]),
  );
}

/** The tags in their order with the names of their attributes; fails where one is not closed or a text holds a `<`. */
function tagsOf(page: string): [tag: string, attributes: string[]][] {
  const tags: [string, string[]][] = [];
  const open: string[] = [];
  const body = page.replace(/^<!doctype html>/, "");
  const rest = body.replace(
    /<(\/?)([a-zA-Z][\w:-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/g,
    (_, closing: string, tag: string, attributes: string, closed: string) => {
      if (closing) {
        expect(tag).toBe(open.pop());
        return "";
      }
      tags.push([tag, [...attributes.matchAll(/([\w:-]+)(?:="[^"]*")?/g)].map(([, name = ""]) => name)]);
      if (!closed && !["meta", "img", "br"].includes(tag)) open.push(tag);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest).not.toContain("<");
  return tags;
}
