#!/usr/bin/env node
/**
 * Images a second from a data set to tensors of batches, against torchvision's transforms in PyTorch's DataLoader with the number of
 * workers that is best on this machine: CIFAR-10 as the UvA tutorial augments it, a folder of small PNGs of cell nuclei (decoded in
 * every epoch, and packed), and photographs of 500x375 pixels for ImageNet's training. Required: twice the peer's in each.
 *
 * CIFAR-10's first training batch and the nuclei are read from --data where they are there, otherwise images of their kind are drawn.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { contest } from "./lib/contest.mjs";
import { figures, ratio, showFigures } from "./lib/figures.mjs";
import { readOptions } from "./lib/options.mjs";
import { writePhotos } from "./lib/photos.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

const required = 2;
const trials = "0,1,2,4";
/** Each of our ways with a set is compared with the peer's one. */
const sets = {
  cifar: { batch: 128, ways: ["memory"], title: "CIFAR-10, flip, crop, normalise, batch 128" },
  nuclei: { batch: 64, ways: ["files", "packed"], title: "27x27 PNG to 90x90, flips, normalise, batch 64" },
  photos: { batch: 64, ways: ["files"], title: "500x375 JPEG, crop to 224, flip, normalise, batch 64" },
};

const options = readOptions({
  data: { type: "string", default: fileURLToPath(new URL("../../shared/data", import.meta.url)) },
  set: { type: "string", default: Object.keys(sets).join(",") },
  path: { type: "string" },
  packs: { type: "string" },
  seconds: { type: "string", default: "3" },
});
const chosen = options.set.split(",");
for (const name of chosen) {
  if (!(name in sets)) throw new Error(`--set takes ${Object.keys(sets).join(", ")}, not ${name}`);
}
if (options.measure) await measure();
else await compare();

/** Images a second of one set, and microseconds of processor time an image, for each way. */
async function measure() {
  const [name] = chosen;
  const { data, torch } = await import("fovea");
  torch.setThreads(options.threads);
  const transforms = transformsOf(name, data);
  const { batch, ways } = sets[name];
  const results = {};
  for (const way of ways) {
    const set = await open(name, way, data);
    const loader = new data.Loader(set, {
      batchSize: batch,
      transforms,
      sampler: { name: "shuffle" },
      dropLast: true,
      workers: options.threads,
    });
    let epoch = 0;
    let count = 0;
    const run = async () => {
      for await (const { images, shape } of loader.epoch(epoch++)) {
        torch.tensor(images, shape).dispose();
        loader.recycle({ images });
        count += shape[0];
      }
    };
    await run();
    count = 0;
    const start = performance.now();
    const before = process.cpuUsage();
    while (performance.now() - start < 1000 * Number(options.seconds)) await run();
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    results[`${way}: images a second`] = count / seconds;
    results[`${way}: microseconds an image`] = (user + system) / count;
  }
  const { version, cpuCapability, threads } = torch.engineInfo();
  console.log(JSON.stringify({ version, capability: cpuCapability, threads, workers: options.threads, results }));
}

function transformsOf(name, data) {
  const normalize = { name: "normalize", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  switch (name) {
    case "cifar": {
      const { train, size, normalization } = data.findPreset("cifar10");
      return train(size, normalization);
    }
    case "nuclei":
      return data.parsePipeline([
        { name: "resize", size: [90, 90], interpolation: "bicubic" },
        { name: "randomHorizontalFlip" },
        { name: "randomVerticalFlip" },
        normalize,
      ]);
    default:
      return data.parsePipeline([
        { name: "randomResizedCrop", size: 224 },
        { name: "randomHorizontalFlip" },
        normalize,
      ]);
  }
}

async function open(name, way, data) {
  const { path } = options;
  if (name === "cifar") {
    const { images, labels } = await readCifar(path);
    return data.fromPixels(
      { data: images, shape: [labels.length, 3, 32, 32] },
      { layout: "nchw", labels, classes: Array.from({ length: 10 }, (_, i) => `${i}`) },
    );
  }
  const { images } = data.openLabelledFolder(path, undefined);
  return way === "packed" ? (await data.packDataset(images, { folder: options.packs })).images : images;
}

/** A file of CIFAR-10's binary version: a label and three planes a record. */
async function readCifar(path) {
  const { readFileSync } = await import("node:fs");
  const bytes = readFileSync(path);
  const count = bytes.length / 3073;
  const images = new Uint8Array(count * 3072);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = bytes[i * 3073];
    images.set(bytes.subarray(i * 3073 + 1, (i + 1) * 3073), i * 3072);
  }
  return { images, labels };
}

async function compare() {
  // Now: afterwards the load would be the benchmark's own.
  const circumstances = conditions(options);
  const work = mkdtempSync(join(tmpdir(), "fovea-data-loading-"));
  try {
    const rows = [];
    const peer = { workers: {} };
    let own = {};
    for (const name of chosen) {
      const path = await prepare(name, work);
      const workers = bestWorkers(name, path);
      peer.workers[name] = workers;
      const { fovea, pytorch } = await contest(
        {
          fovea: [
            process.execPath,
            fileURLToPath(import.meta.url),
            "--measure",
            "fovea",
            ...argumentsOf(name, path, work),
          ],
          pytorch: pythonCommand(name, path, ["--workers", String(workers)]),
        },
        options,
      );
      const { workers: _, ...about } = pytorch.about;
      Object.assign(peer, about);
      own = fovea.about;
      for (const way of sets[name].ways) rows.push({ name, way, fovea: fovea.rows, pytorch: pytorch.rows });
    }
    report(rows, { ...circumstances, seconds: Number(options.seconds), fovea: own, pytorch: peer });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function argumentsOf(name, path, work) {
  const set = ["--set", name, "--path", path, "--packs", join(work, "packs")];
  return [...set, "--seconds", options.seconds, "--threads", String(options.threads)];
}

function pythonCommand(name, path, more) {
  const script = fileURLToPath(import.meta.url).replace(/\.mjs$/, ".py");
  const set = ["--set", name, "--path", path, "--batch", String(sets[name].batch), "--seconds", options.seconds];
  return [options.python, "-B", script, ...set, ...more];
}

/** The number of workers with which the peer is fastest here. */
function bestWorkers(name, path) {
  const [command, ...args] = pythonCommand(name, path, ["--trial", trials]);
  const env = { ...process.env, OMP_NUM_THREADS: String(options.threads), PYTHONWARNINGS: "ignore" };
  if (options.capability) env.ATEN_CPU_CAPABILITY = options.capability;
  const speeds = JSON.parse(execFileSync(command, args, { encoding: "utf8", env }));
  const [[workers]] = Object.entries(speeds).sort(([, a], [, b]) => b - a);
  process.stderr.write(`${name}: DataLoader by workers ${JSON.stringify(speeds)}\n`);
  return Number(workers);
}

/** Where the images of a set are: the real ones, or ones that were drawn. */
async function prepare(name, work) {
  const batch = join(options.data, "cifar10/cifar-10-batches-bin/data_batch_1.bin");
  const nuclei = join(options.data, "nuclei/train");
  const folder = join(work, name);
  switch (name) {
    case "cifar": {
      if (existsSync(batch)) return batch;
      mkdirSync(folder);
      const path = join(folder, "data_batch_1.bin");
      writeFileSync(
        path,
        Uint8Array.from({ length: 10_000 * 3073 }, (_, i) => (i % 3073 === 0 ? i % 10 : (i * i) >> 3)),
      );
      return path;
    }
    case "nuclei":
      if (existsSync(nuclei)) return nuclei;
      for (const label of ["a", "b", "c"]) {
        await writePhotos(join(folder, label), { count: 1500, width: 27, height: 27, format: "png" });
      }
      return folder;
    default:
      await writePhotos(join(folder, "photos"), { count: 512, width: 500, height: 375, format: "jpeg" });
      return folder;
  }
}

function report(rows, about) {
  const lines = rows.map(({ name, way, fovea, pytorch }) => {
    const ours = fovea[`${way}: images a second`];
    const theirs = pytorch["images a second"];
    const effort = [fovea[`${way}: microseconds an image`], pytorch["microseconds an image"]];
    return {
      what: `${sets[name].title} (${way})`,
      fovea: figures(ours),
      pytorch: figures(theirs),
      ratio: ratio(ours, theirs),
      processorMicroseconds: { fovea: figures(effort[0]).median, pytorch: figures(effort[1]).median },
    };
  });
  printTable([
    ["images a second", "Fovea", "DataLoader", "ratio", "processor time, us"],
    ...lines.map(({ what, fovea, pytorch, ratio: quotient, processorMicroseconds: time }) => [
      what,
      showFigures(fovea),
      showFigures(pytorch),
      showFigures(quotient),
      `${time.fovea.toFixed(0)} : ${time.pytorch.toFixed(0)}`,
    ]),
  ]);
  const requirements = lines.map(({ what, ratio: { median } }) => ({
    what: `${what}: at least ${required} times the DataLoader's images a second`,
    met: median >= required,
  }));
  conclude("data-loading", { conditions: about, rows: lines, requirements }, options);
}
