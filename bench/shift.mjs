#!/usr/bin/env node
/**
 * The shift of ShiftResNet-20 (arXiv 1711.08141) at the three sizes where it stands there, against the 3x3 depthwise convolution that
 * could stand in its place, ours and PyTorch's; and its block against the block of ResNet-20. Required: at most the time of our depthwise
 * convolution, forward and with the backward pass.
 */
import { contenders, contest } from "./lib/contest.mjs";
import { figures, median, ratio, showFigures } from "./lib/figures.mjs";
import { count, readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable } from "./lib/report.mjs";

/** Width of the groups' blocks, width of their shifts with expansion 3, height and width of their images. */
const groups = [
  { width: 16, channels: 48, size: 32 },
  { width: 32, channels: 96, size: 16 },
  { width: 64, channels: 192, size: 8 },
];
const formats = ["contiguous", "channelsLast"];
const passes = ["forward", "forward and backward"];

const options = readOptions({
  repeats: { type: "string", default: "15" },
  warmup: { type: "string", default: "3" },
  batch: { type: "string", default: "128" },
  format: { type: "string", default: formats.join(",") },
});
const repeats = count("repeats", options.repeats);
const warmup = count("warmup", options.warmup);
const batch = count("batch", options.batch);
const chosen = options.format.split(",");
for (const format of chosen) {
  if (!formats.includes(format)) throw new Error(`--format takes ${formats.join(", ")}, not ${format}`);
}
if (options.measure) await measure();
else await compare();

/** Milliseconds of every operation: the median of the repeats, in which the operations take turns. */
async function measure() {
  const torch = await import("fovea/torch");
  const { CifarResNet, ShiftResNet } = await import("fovea/models");
  torch.setThreads(options.threads);
  torch.manualSeed(1);
  const shiftNetwork = new ShiftResNet(3).materialize(torch.device(), 1);
  const network = new CifarResNet().materialize(torch.device(), 1);
  const shiftGroups = [shiftNetwork.layer1, shiftNetwork.layer2, shiftNetwork.layer3];
  const blocks = [...network.blocks.children()];

  const results = {};
  for (const format of chosen) {
    for (const [i, { width, channels, size }] of groups.entries()) {
      const inFormat = (shape) => torch.randn(shape).contiguous(format);
      const kernel = torch.randn([channels, 1, 3, 3]);
      kernel.requiresGrad = true;
      const convolution = { padding: 1, groups: channels };
      const [, [, shiftBlock]] = shiftGroups[i].children();
      const [, block] = blocks[3 * i + 1];
      const parts = {
        [channels]: inFormat([batch, channels, size, size]),
        [width]: inFormat([batch, width, size, size]),
      };
      const operations = {
        shift: [channels, (x) => x.shift(3)],
        depthwise: [channels, (x) => x.conv2d(kernel, null, convolution)],
        "shift block": [width, (x) => shiftBlock.forward(x)],
        "ResNet block": [width, (x) => block.forward(x)],
      };
      for (const pass of passes) {
        const times = Object.fromEntries(Object.keys(operations).map((name) => [name, []]));
        for (let repeat = -warmup; repeat < repeats; repeat++) {
          for (const [name, [from, run]] of Object.entries(operations)) {
            const milliseconds = passing(torch, pass, run, parts[from]);
            if (repeat >= 0) times[name].push(milliseconds);
          }
        }
        for (const [name, values] of Object.entries(times)) results[row(name, size, pass, format)] = median(values);
      }
    }
  }
  const { version, cpuCapability, threads } = torch.engineInfo();
  console.log(JSON.stringify({ version, capability: cpuCapability, threads, results }));
}

function passing(torch, pass, run, x) {
  const start = performance.now();
  torch.scope(() => {
    if (pass === "forward") {
      torch.noGrad(() => run(x));
      return;
    }
    const input = x.detach();
    input.requiresGrad = true;
    // Any gradient does; x has the shape of every result here.
    run(input).backward({ gradient: x });
  });
  return performance.now() - start;
}

/** What a row of the results is called, here and in shift.py. */
function row(operation, size, pass, format) {
  return `${operation}, ${size}x${size}, ${pass}, ${format}`;
}

async function compare() {
  const own = ["--repeats", repeats, "--warmup", warmup, "--batch", batch, "--format", chosen].map(String);
  const { fovea, pytorch } = await contest(contenders(import.meta.url, options, ...own), options);
  const result = {
    conditions: { ...conditions(options), repeats, warmup, batch, groups, fovea: fovea.about, pytorch: pytorch.about },
    rows: [],
    requirements: [],
  };
  const table = [["milliseconds, median (least to greatest)", "ours", "its peer", "ratio"]];
  const add = (name, peer, ours, theirs) => {
    const compared = ratio(ours, theirs);
    result.rows.push({ name, peer, fovea: figures(ours), peerTime: figures(theirs), ratio: compared });
    const cells = [figures(ours), figures(theirs), compared].map(showFigures);
    table.push([`${name} against ${peer}`, ...cells]);
    return compared;
  };
  for (const format of chosen) {
    for (const pass of passes) {
      for (const { size } of groups) {
        const of = (operation) => row(operation, size, pass, format);
        const shift = fovea.rows[of("shift")];
        const { median } = add(of("shift"), "our depthwise convolution", shift, fovea.rows[of("depthwise")]);
        result.requirements.push({ what: `${of("shift")}: at most our depthwise convolution`, met: median <= 1 });
        add(of("shift"), "PyTorch's depthwise convolution", shift, pytorch.rows[of("depthwise")]);
        add(of("shift block"), "our ResNet block", fovea.rows[of("shift block")], fovea.rows[of("ResNet block")]);
      }
    }
  }
  printTable(table);
  conclude("shift", result, options);
}
