import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, createDeflate } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { Random } from "../../src/random.js";

/** Root may read everything. */
export const runsAsRoot = process.getuid?.() === 0;

/**
 * A folder of sound images, all different: `train/` and `validation/` with classes `a` and `b`, 3 images in each, one of
 * them a PNG named as a JPEG, one with a name that is not ASCII.
 */
export async function makeGoodFolder(root: string): Promise<void> {
  let seed = 0;
  for (const part of ["train", "validation"]) {
    for (const name of ["a", "b"]) {
      const folder = join(root, part, name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "1.png"), await noise(seed++).png().toBuffer());
      writeFileSync(join(folder, "png-inside.jpg"), await noise(seed++).png().toBuffer());
      writeFileSync(join(folder, "größe 細胞.jpg"), await noise(seed++).jpeg().toBuffer());
    }
  }
}

/**
 * As {@link makeGoodFolder}, with one of every kind of bad file in `train/a`.
 *
 * @returns of each bad file the path, and what must be said of it
 */
export async function makeBadFolder(root: string): Promise<Map<string, RegExp>> {
  await makeGoodFolder(root);
  const folder = join(root, "train", "a");
  const at = (name: string) => join(folder, name);
  const png = await noise(90).png().toBuffer();
  const jpeg = await noise(91).jpeg().toBuffer();
  const said = new Map<string, RegExp>();
  const bad = (name: string, reason: RegExp, content?: Uint8Array | string) => {
    if (content !== undefined) writeFileSync(at(name), content);
    said.set(`train/a/${name}`, reason);
  };
  bad("bomb.png", /30,?000 ?[x×] ?30,?000|too (large|many|big)|limit/i, await bomb());
  bad("damaged größe.png", /image|PNG/i, png.subarray(0, 60));
  bad("empty.png", /empty|image/i, "");
  bad("new\nline.png", /image/i, "This is no image.\n");
  bad("text.png", /image/i, "This is no image.\n");
  bad("truncated.jpg", /image|end|cut|truncated/i, jpeg.subarray(0, jpeg.length / 2));
  bad("truncated.png", /image|end|cut|truncated/i, png.subarray(0, png.length / 2));
  symlinkSync("no-such-file.png", at("nowhere.png"));
  bad("nowhere.png", /link to nowhere/);
  symlinkSync("itself.png", at("itself.png"));
  bad("itself.png", /link that leads back to itself/);
  execFileSync("mkfifo", [at("pipe.png")]);
  bad("pipe.png", /pipe/);
  // What leads back is passed over.
  symlinkSync("..", at("upwards"));
  mkdirSync(at("folder.png"));
  bad("folder.png", /is a folder/);
  writeFileSync(at("folder.png/inside.png"), await noise(92).png().toBuffer());
  if (!runsAsRoot) {
    bad("secret.png", /permission denied/, png);
    chmodSync(at("secret.png"), 0);
  }
  return said;
}

/** 40x30 pixels of blurred noise, other ones for every seed. */
function noise(seed: number): Sharp {
  const random = new Random("noise", seed);
  const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, () => random.below(256));
  return sharp(pixels, { raw: { width: 5, height: 4, channels: 3 } }).resize(40, 30, { fit: "fill", kernel: "cubic" });
}

/** A sound PNG of 30,000 x 30,000 black pixels, one bit each: 110 KB, which decoded would take 2.7 GB. */
async function bomb(): Promise<Buffer> {
  const side = 30_000;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const deflate = createDeflate();
  const packed: Buffer[] = [];
  deflate.on("data", (chunk: Buffer) => packed.push(chunk));
  const rows = Buffer.alloc(100 * (1 + side / 8));
  for (let y = 0; y < side; y += 100) {
    if (!deflate.write(rows)) await new Promise((resolve) => deflate.once("drain", resolve));
  }
  await new Promise<void>((resolve) => deflate.end(() => resolve()));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", Buffer.concat(packed)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), whole.length - 4);
  return whole;
}
