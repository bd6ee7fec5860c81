import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  decodeMessage,
  doubles,
  entries,
  type Message,
  message,
  messages,
  number,
  rawBytes,
  readEventRecords,
  text,
} from "../../../test/support/event-file.js";
import { readGolden, wave } from "../../../test/support/golden.js";
import { ArgumentError, FileError } from "../../errors.js";
import { EventWriter } from "./event-writer.js";

/** Bytes that the disk still takes; none are counted without a limit. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const writeSync = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => {
    if (disk.room <= 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const taken = fs.writeSync(fd, bytes, offset, Math.min(length, disk.room), position);
    disk.room -= taken;
    return taken;
  };
  return { ...fs, writeSync };
});

interface Golden {
  scalars: Record<string, string>;
  pixels: number[][][];
  image: string;
  values: Record<string, number[]>;
  histograms: Record<string, string>;
  wave: string;
  text: string;
  hyperParameters: { number: string[]; text: string[] };
}

const golden = readGolden<Golden>("tensorboard-summaries");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-events-"));
  disk.room = Number.POSITIVE_INFINITY;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The events of a file after its first, which is checked here. */
function eventsOf(path: string): Message[] {
  const [first, ...events] = readEventRecords(readFileSync(path)).map(decodeMessage);
  expect(first && text(first, 3)).toBe("brain.Event:2");
  return events;
}

/** The summaries that a writer wrote, as bytes. */
function summaries(write: (writer: EventWriter) => void): string[] {
  const writer = new EventWriter(folder);
  write(writer);
  writer.close();
  return eventsOf(writer.path).map((event) => rawBytes(event, 5).toString("hex"));
}

describe("what torch.utils.tensorboard writes, byte for byte", () => {
  it.each(Object.entries(golden.scalars))("the scalar %s", (value, expected) => {
    const named: Record<string, number> = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY };
    const number = named[value] ?? Number(value);
    expect(summaries((writer) => writer.scalar("loss/train", number, 0))).toEqual([expected]);
  });

  it.each(Object.entries(golden.histograms))("the histogram of %s", (name, expected) => {
    const values = golden.values[name] ?? [];
    expect(summaries((writer) => writer.histogram(`weights/${name}`, values, 0))).toEqual([expected]);
  });

  it("the bytes of a PNG", () => {
    const png = rawBytes(message(message(decodeMessage(Buffer.from(golden.image, "hex")), 1), 4), 4);
    expect(summaries((writer) => writer.image("samples", new Uint8Array(png), 0))).toEqual([golden.image]);
  });

  it("a text, under the tag that it has there", () => {
    const markdown = "# Überschrift\n\n*one* | `two`";
    expect(summaries((writer) => writer.text("notes/text_summary", markdown, 0))).toEqual([golden.text]);
  });

  it("hyper-parameters", () => {
    const metrics = { "hparam/accuracy": 0.9, "hparam/loss": 0 };
    const numbers = summaries((writer) => writer.hyperParameters({ lr: 0.1 }, metrics));
    expect(numbers.slice(0, 3)).toEqual(golden.hyperParameters.number);
    expect(numbers).toHaveLength(5);
    expect(summaries((writer) => writer.hyperParameters({ model: "resnet18" }, {}))).toEqual(
      golden.hyperParameters.text,
    );
  });
});

describe("a histogram", () => {
  it("of many values has torch's buckets", () => {
    const [ours] = summaries((writer) => writer.histogram("wave", wave(5000, 3, 0.7), 0));
    const histogramOf = (hex = "") => message(message(decodeMessage(Buffer.from(hex, "hex")), 1), 5);
    const [a, b] = [histogramOf(ours), histogramOf(golden.wave)];
    expect(doubles(a, 6)).toEqual(doubles(b, 6));
    expect(doubles(a, 7)).toEqual(doubles(b, 7));
    expect(doubles(a, 7).reduce((sum, count) => sum + count)).toBe(5000);
    for (const field of [1, 2, 3]) expect(number(a, field)).toBe(number(b, field));
    // Of sums, NumPy adds in another order.
    for (const field of [4, 5]) expect(number(a, field)).toBeCloseTo(number(b, field), 9);
  });

  it("counts what lies beyond its buckets into the outermost", () => {
    const [hex = ""] = summaries((writer) => writer.histogram("far", [-1e300, 1e30, 1e31], 0));
    const counts = doubles(message(message(decodeMessage(Buffer.from(hex, "hex")), 1), 5), 7);
    expect([counts[0], counts[1], counts.at(-1)]).toEqual([0, 1, 2]);
  });

  it("rejects nothing, and what is not finite, and the file stays as it was", () => {
    const writer = new EventWriter(folder);
    expect(() => writer.histogram("w", [], 0)).toThrow(ArgumentError);
    expect(() => writer.histogram("w", [1, Number.NaN], 0)).toThrow(/value 1 is NaN/);
    writer.close();
    expect(eventsOf(writer.path)).toEqual([]);
  });
});

describe("an image", () => {
  it("of pixels is a PNG of them", async () => {
    const pixels = Uint8Array.from(golden.pixels.flat(2));
    const [hex = ""] = summaries((writer) => writer.image("samples", { pixels, width: 3, height: 2 }, 0));
    const image = message(message(decodeMessage(Buffer.from(hex, "hex")), 1), 4);
    expect([1, 2, 3].map((field) => number(image, field))).toEqual([2, 3, 3]);
    const { data, info } = await sharp(rawBytes(image, 4)).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([3, 2, 3]);
    expect([...data]).toEqual([...pixels]);
  });

  it.each([
    ["grey", 1, 1],
    ["RGB", 3, 3],
    ["RGB and alpha", 4, 4],
  ] as const)("tells the channels of a PNG: %s", async (_, channels, colorspace) => {
    const raw = { width: 5, height: 4, channels };
    const image = sharp(new Uint8Array(20 * channels), { raw });
    const png = await (channels === 1 ? image.toColourspace("b-w") : image).png().toBuffer();
    const [hex = ""] = summaries((writer) => writer.image("x", png, 0));
    const written = message(message(decodeMessage(Buffer.from(hex, "hex")), 1), 4);
    expect([1, 2, 3].map((field) => number(written, field))).toEqual([4, 5, colorspace]);
  });

  it("must be a PNG, or have the pixels that its size says", () => {
    const writer = new EventWriter(folder);
    expect(() => writer.image("x", Buffer.from("GIF89a"), 0)).toThrow(/6 bytes of the image are no PNG/);
    const pixels = new Uint8Array(11);
    expect(() => writer.image("x", { pixels, width: 2, height: 2 }, 0)).toThrow(/11 bytes are not 2 x 2 pixels/);
    writer.close();
  });
});

it("hyper-parameters keep their kinds", () => {
  const values = { lr: 0, nesterov: false, augment: true, model: "", epochs: 30 };
  const [experiment = "", start = ""] = summaries((writer) => writer.hyperParameters(values, {}));
  const contentOf = (hex: string) => {
    const pluginData = message(message(message(decodeMessage(Buffer.from(hex, "hex")), 1), 9), 1);
    expect(text(pluginData, 1)).toBe("hparams");
    return decodeMessage(rawBytes(pluginData, 2));
  };
  const columns = messages(message(contentOf(experiment), 2), 4).map((info) => [text(info, 1), number(info, 4)]);
  expect(columns).toEqual([
    ["lr", 3],
    ["nesterov", 2],
    ["augment", 2],
    ["model", 1],
    ["epochs", 3],
  ]);
  const written = [...entries(message(contentOf(start), 3), 1)].map(([name, value]) => {
    const [[field] = []] = [...value];
    return [name, field, field === 3 ? text(value, 3) : number(value, field ?? 0)];
  });
  expect(written).toEqual([
    ["lr", 2, 0],
    ["nesterov", 4, 0],
    ["augment", 4, 1],
    ["model", 3, ""],
    ["epochs", 2, 30],
  ]);
});

describe("a file", () => {
  it("has steps and wall times", () => {
    vi.useFakeTimers({ now: 1_700_000_000_250, toFake: ["Date"] });
    try {
      const writer = new EventWriter(folder);
      writer.scalar("loss", 1, 0);
      vi.setSystemTime(1_700_000_001_500);
      writer.scalar("loss", 2, 2 ** 40 + 3);
      writer.close();
      expect(writer.path).toMatch(/events\.out\.tfevents\.1700000000\.[^/]+\.\d+\.0$/);
      const events = eventsOf(writer.path);
      expect(events.map((event) => number(event, 1))).toEqual([1_700_000_000.25, 1_700_000_001.5]);
      expect(events.map((event) => number(event, 2))).toEqual([0, 2 ** 40 + 3]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("can be read while it is written", () => {
    const writer = new EventWriter(join(folder, "deep", "run"));
    expect(eventsOf(writer.path)).toHaveLength(0);
    writer.scalar("loss", 1, 0);
    expect(eventsOf(writer.path)).toHaveLength(1);
    writer.flush();
    writer.close();
  });

  it("is a new one for every writer", () => {
    const writers = [0, 1, 2].map(() => new EventWriter(folder));
    for (const [i, writer] of writers.entries()) writer.scalar("loss", i, i);
    for (const writer of writers) writer.close();
    expect(new Set(writers.map(({ path }) => path)).size).toBe(3);
    expect(readdirSync(folder)).toHaveLength(3);
    for (const [i, writer] of writers.entries()) {
      expect(eventsOf(writer.path).map((event) => number(event, 2))).toEqual([i]);
    }
  });

  it("keeps what was written when the disk is full, and takes more when there is room again", () => {
    const writer = new EventWriter(folder);
    writer.scalar("loss", 1, 1);
    const before = readFileSync(writer.path);
    disk.room = 17;
    expect(() => writer.scalar("loss", 2, 2)).toThrow(FileError);
    expect(() => writer.scalar("loss", 2, 2)).toThrow(/events\.out\.tfevents.*: could not be written \(ENOSPC/);
    expect(readFileSync(writer.path)).toEqual(before);
    disk.room = Number.POSITIVE_INFINITY;
    writer.scalar("loss", 3, 3);
    writer.close();
    expect(eventsOf(writer.path).map((event) => number(event, 2))).toEqual([1, 3]);
  });

  it("is not left behind where not even its head can be written", () => {
    disk.room = 5;
    expect(() => new EventWriter(folder)).toThrow(FileError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("lies in a folder that can be made", () => {
    writeFileSync(join(folder, "taken"), "");
    expect(() => new EventWriter(join(folder, "taken", "run"))).toThrow(/taken.run: could not be made/);
  });

  it("says from which step on what stood there before is to be forgotten", () => {
    for (const purgeStep of [0, 7]) {
      const writer = new EventWriter(folder, { purgeStep });
      writer.scalar("loss", 1, 7);
      writer.close();
      const [start, scalar] = eventsOf(writer.path);
      expect(start && [number(start, 2), number(message(start, 7), 1)]).toEqual([purgeStep, 1]);
      expect(scalar && number(scalar, 2)).toBe(7);
    }
    expect(() => new EventWriter(folder, { purgeStep: -1 })).toThrow(/purgeStep: -1/);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it("takes nothing after it was closed, which may be done twice", () => {
    const writer = new EventWriter(folder);
    writer.close();
    writer.close();
    expect(() => writer.scalar("loss", 1, 1)).toThrow(/was closed/);
    expect(() => writer.flush()).toThrow(FileError);
  });

  it("takes tags that are there and steps that are whole", () => {
    const writer = new EventWriter(folder);
    expect(() => writer.scalar(" ", 1, 1)).toThrow(/a tag is empty/);
    expect(() => writer.scalar("loss", 1, 1.5)).toThrow(/step of "loss": 1.5/);
    expect(() => writer.scalar("loss", 1, -1)).toThrow(ArgumentError);
    writer.close();
    expect(eventsOf(writer.path)).toEqual([]);
  });
});
