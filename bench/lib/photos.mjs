import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

const SCENE = { width: 1500, height: 1125 };

/**
 * Writes images that give a decoder what photographs give it: surfaces whose detail falls off with its size, edges between them,
 * a little noise of the sensor. The same ones every time.
 *
 * @param format `jpeg` has quality 90 and colours at half the resolution; `png` is sharp's
 */
export async function writePhotos(folder, { count, width, height, format }) {
  const random = generator(count);
  const scenes = Array.from({ length: 4 }, () => scene(random));
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const zoom = 1 + random();
    const cut = { width: Math.ceil(width * zoom), height: Math.ceil(height * zoom) };
    const left = Math.floor(random() * (SCENE.width - cut.width));
    const top = Math.floor(random() * (SCENE.height - cut.height));
    const image = sharp(scenes[i % scenes.length], { raw: { ...SCENE, channels: 3 } })
      .extract({ left, top, ...cut })
      .resize(width, height);
    const written = format === "jpeg" ? image.jpeg({ quality: 90, chromaSubsampling: "4:2:0" }) : image.png();
    await written.toFile(join(folder, `${String(i).padStart(5, "0")}.${format}`));
  }
}

/** RGB pixels of the size of SCENE: noise in octaves, of which every shape that lies over it has a brightness, a colour and a contrast of its own. */
function scene(random) {
  const { width, height } = SCENE;
  const values = new Float32Array(width * height * 3).fill(128);
  for (let cell = 512; cell >= 2; cell /= 2) addNoise(values, cell, 0.4 * cell ** 0.8 + 8, random);
  for (let shape = 0; shape < 150; shape++) addShape(values, random);
  const pixels = new Uint8ClampedArray(values.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = values[i] + 40 * (random() - 0.5);
  return pixels;
}

/** Adds random values at the corners of square cells, and between them what lies between; mostly grey, a fifth of it coloured. */
function addNoise(values, cell, amplitude, random) {
  const { width, height } = SCENE;
  const columns = Math.ceil(width / cell) + 1;
  const rows = Math.ceil(height / cell) + 1;
  const corners = new Float32Array(columns * rows * 3);
  for (let i = 0; i < corners.length; i += 3) {
    const grey = random() - 0.5;
    for (let channel = 0; channel < 3; channel++) {
      corners[i + channel] = amplitude * (grey + 0.2 * (random() - 0.5));
    }
  }
  for (let y = 0; y < height; y++) {
    const down = (y % cell) / cell;
    for (let x = 0; x < width; x++) {
      const across = (x % cell) / cell;
      const corner = (Math.floor(y / cell) * columns + Math.floor(x / cell)) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const at = corner + channel;
        const above = corners[at] + across * (corners[at + 3] - corners[at]);
        const next = at + columns * 3;
        const below = corners[next] + across * (corners[next + 3] - corners[next]);
        values[(y * width + x) * 3 + channel] += above + down * (below - above);
      }
    }
  }
}

/** A rectangle or an ellipse, turned. */
function addShape(values, random) {
  const { width, height } = SCENE;
  const round = random() < 0.5;
  const [centreX, centreY] = [random() * width, random() * height];
  const [halfWidth, halfHeight] = [10 + 200 * random() ** 3, 10 + 200 * random() ** 3];
  const angle = random() * Math.PI;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const contrast = 0.3 + random();
  const colour = Array.from({ length: 3 }, () => 128 + 160 * (random() - 0.5));
  const reach = Math.hypot(halfWidth, halfHeight);
  for (let y = Math.max(0, Math.ceil(centreY - reach)); y < Math.min(height, centreY + reach); y++) {
    for (let x = Math.max(0, Math.ceil(centreX - reach)); x < Math.min(width, centreX + reach); x++) {
      const along = Math.abs((x - centreX) * cos + (y - centreY) * sin) / halfWidth;
      const beside = Math.abs((y - centreY) * cos - (x - centreX) * sin) / halfHeight;
      if (round ? along ** 2 + beside ** 2 > 1 : Math.max(along, beside) > 1) continue;
      for (let channel = 0; channel < 3; channel++) {
        const at = (y * width + x) * 3 + channel;
        values[at] = colour[channel] + contrast * (values[at] - 128);
      }
    }
  }
}

/** Uniform numbers in [0, 1) that depend on the seed alone: xorshift (Marsaglia 2003). */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
