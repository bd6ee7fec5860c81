#!/usr/bin/env node
/**
 * Writes tables and charts of docs/performance.md anew, from what the benchmarks saved in results/.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chartConfig, renderSvg } from "fovea/report";
import { scalingChart, speedChart } from "./lib/charts.mjs";
import { show, showFigures } from "./lib/figures.mjs";
import { titles as peerTitles, summarisePeers } from "./lib/javascript-summary.mjs";
import { conditionsText, markdownTable, writeSections } from "./lib/markdown.mjs";
import { readSamples } from "./lib/samples.mjs";
import { scalingRequirements, summariseScaling, sweeps } from "./lib/scaling-summary.mjs";
import { all } from "./lib/training-contenders.mjs";
import { networks, requirementsOf, summarise } from "./lib/training-summary.mjs";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));

const training = readTraining();
const sections = { ...(await trainingStep(training)), ...(await scaling()), ...javascriptPeers(), ...limits() };
writeSections(`${docs}performance.md`, sections);
writeSections(`${docs}../README.md`, trainingInShort(training));
console.log(`Wrote docs/performance.md (${Object.keys(sections).join(", ")}) and the README's table.`);

/** The samples of training-step.mjs, and what they say of each network that was measured. */
function readTraining() {
  const { samples, runs } = readSamples("training-step");
  const measured = Object.keys(networks).filter((name) => samples.some(({ network }) => network === name));
  const summaries = new Map(
    measured.map((name) => {
      const own = samples.filter(({ network }) => network === name);
      return [name, summarise(own, runs[own[0].run].tolerance)];
    }),
  );
  return { samples, runs, summaries };
}

function trainingInShort({ runs, summaries }) {
  if (summaries.size === 0) return {};
  const cell = (faster, name) => (name in faster ? figuresIn(faster[name]) : "–");
  return {
    "training-step": [
      markdownTable([
        [
          "network, batch",
          "milliseconds",
          "faster than PyTorch on the same libtorch",
          "than the newest",
          "than the best of four newest",
        ],
        ...[...summaries].map(([name, { contenders, ours, stock, newest, faster }]) => [
          titleOf(name),
          show(contenders[ours].milliseconds.median),
          cell(faster, stock),
          cell(faster, "newest"),
          newest === undefined
            ? "–"
            : `${cell(faster, newest)}, ${all[newest].title.replace(/newest PyTorch(, )?/, "") || "eager"}`,
        ]),
      ]),
      conditionsText(runs),
    ].join("\n\n"),
  };
}

async function trainingStep({ samples, runs, summaries }) {
  if (samples.length === 0) return {};
  const newest = Object.keys(all).filter((name) => all[name].of === "newest");
  const cell = ({ contenders, faster }, name) =>
    name in contenders ? `${show(contenders[name].milliseconds.median)}, ${figuresIn(faster[name])}` : "–";
  const speed = markdownTable([
    ["network, batch", "Fovea", all.stock.title.replace(/,.*/, ""), ...newest.map((name) => all[name].title)],
    ...[...summaries].map(([name, summary]) => {
      const { contenders, ours, stock } = summary;
      const own = `${showFigures(contenders[ours].milliseconds)}, ${formatOf(ours)}`;
      const same = stock === undefined ? "–" : `${cell(summary, stock)}, ${formatOf(stock)}`;
      return [titleOf(name), own, same, ...newest.map((each) => cell(summary, each))];
    }),
  ]);
  const memory = markdownTable([
    [
      "network, batch",
      "Fovea",
      "Fovea, contiguous",
      "PyTorch",
      "PyTorch, contiguous",
      ...newest.map((name) => all[name].title),
    ],
    ...[...summaries].map(([name, { contenders }]) => [
      titleOf(name),
      ...["fovea", "fovea-contiguous", "stock", "stock-contiguous", ...newest].map((each) =>
        each in contenders ? contenders[each].peak.median.toFixed(0) : "–",
      ),
    ]),
  ]);
  const compile = [...summaries].flatMap(([name, { contenders }]) => {
    const seconds = contenders.compiled?.compileSeconds ?? contenders["compiled-tcmalloc"]?.compileSeconds;
    return seconds === undefined ? [] : [`${name} ${show(seconds)}`];
  });
  const counts = [...summaries.values()].flatMap(({ contenders }) => Object.values(contenders));
  const total = (key) => counts.reduce((sum, each) => sum + each[key], 0);
  const failures = Object.values(runs).flatMap((run) => Object.entries(run.failures));
  const values = [...summaries].flatMap(([network, { contenders, ours, stock }]) => {
    if (stock === undefined) return [];
    const speedOf = (name) => contenders[stock].milliseconds.median / contenders[name].milliseconds.median;
    return [
      { network, contender: "Fovea", speed: speedOf(ours) },
      ...newest
        .filter((name) => name in contenders)
        .map((name) => ({ network, contender: all[name].title, speed: speedOf(name) })),
    ];
  });
  writeFileSync(`${docs}images/training-step.svg`, await renderSvg(speedChart(values, chartConfig)));
  return {
    "training-step": [
      "![Speed of a training step by network](images/training-step.svg)",
      "Milliseconds of a step, and by how much Fovea is faster, median (least to greatest) of the rounds' ratios:",
      speed,
      conditionsText(runs),
      `Of ${samples.length + total("discarded")} samples ${total("discarded")} were discarded for noise and taken again; ` +
        `${total("noisy")} of those that count were still noisy.`,
      ...(compile.length > 0
        ? [`Seconds until the first compiled step is done, the first time: ${compile.join(", ")}.`]
        : []),
      ...failures.map(([what, why]) => `Failed: ${what}: \`${why}\`.`),
      requirementList([...summaries].flatMap(([name, summary]) => requirementsOf(name, summary))),
    ].join("\n\n"),
    "peak-memory": ["Megabytes resident at most (`VmHWM`) in the processes of the same run:", memory].join("\n\n"),
  };
}

/** `1.53 (1.50–1.56)` with a multiplication sign. */
function figuresIn({ median, least, greatest }) {
  return `${median.toFixed(2)}× (${least.toFixed(2)} to ${greatest.toFixed(2)})`;
}

function titleOf(name) {
  const { batch, size } = networks[name];
  return `\`${name}\`, ${batch}×${size}×${size}`;
}

function formatOf(name) {
  return all[name].format === "channelsLast" ? "channels last" : "contiguous";
}

function requirementList(requirements) {
  const met = requirements.filter((each) => each.met).length;
  const lines = requirements.map((each) => `- ${each.met ? "met" : "**not met**"}: ${each.what}`);
  return `Requirements, ${met} of ${requirements.length} met:\n\n${lines.join("\n")}`;
}

async function scaling() {
  const { samples, runs } = readSamples("scaling");
  if (samples.length === 0) return {};
  const summary = summariseScaling(samples);
  const values = summary.flatMap(({ sweep, contender, points }) =>
    points.map(({ value, milliseconds, peakMB }) => ({
      sweep,
      value,
      contender: all[contender].title,
      milliseconds: milliseconds.median,
      megabytes: peakMB.median,
    })),
  );
  const titles = Object.fromEntries(Object.entries(sweeps).map(([name, { title }]) => [name, capital(title)]));
  writeFileSync(`${docs}images/scaling.svg`, await renderSvg(scalingChart(values, titles, chartConfig)));
  const line = ({ intercept, slope, r2, worst }) =>
    `${show(intercept)} + ${show(slope)} n, R² ${r2.toFixed(4)}, ${worst.toFixed(2)}`;
  return {
    scaling: [
      "![Time and memory of a training step against batch and depth](images/scaling.svg)",
      "Lines of least squares through the medians: what a step costs for n images, or layers; R²; and the greatest value in terms of the line's.",
      markdownTable([
        ["n", "contender", "milliseconds", "peak MB"],
        ...summary.map(({ sweep, contender, milliseconds, peakMB }) => [
          sweep,
          all[contender].title,
          line(milliseconds),
          line(peakMB),
        ]),
      ]),
      conditionsText(runs),
      requirementList(scalingRequirements(summary)),
    ].join("\n\n"),
  };
}

function capital(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}`;
}

function javascriptPeers() {
  const { samples, runs } = readSamples("javascript-peers");
  if (samples.length === 0) return {};
  const [conditions] = Object.values(runs);
  const { network, batch, lacking, gradients, networks: registered } = conditions;
  const summary = summarisePeers(samples);
  const lines = Object.entries(lacking).map(([name, networksLacking]) => {
    const names = networksLacking.map((each) => `\`${each.network}\``);
    const reasons = Object.entries(gradients[name]).map(([operator, why]) => `${operator}: \`${why}\``);
    if (names.length === 0)
      return `- ${peerTitles[name]} has gradients for the operators of all ${registered} networks.`;
    const which =
      names.length === registered
        ? `none of the ${registered} networks`
        : `all but ${names.length} of ${registered} networks`;
    const list = names.length === registered ? "" : ` Those are ${names.join(", ")}.`;
    return `- ${peerTitles[name]} can train ${which}. It lacks gradients (${reasons.join("; ")}).${list}`;
  });
  return {
    "javascript-peers": [
      `A step of \`${network}\`, batch ${batch}, milliseconds:`,
      markdownTable([
        ["", "time", "Fovea is faster by"],
        ...summary.map(({ contender, milliseconds, faster }) => [
          peerTitles[contender],
          showFigures(milliseconds),
          contender === "fovea" ? "" : showFigures(faster),
        ]),
      ]),
      lines.join("\n"),
      conditionsText(runs),
    ].join("\n\n"),
  };
}

function limits() {
  const path = fileURLToPath(new URL("./results/limits.json", import.meta.url));
  if (!existsSync(path)) return {};
  const { conditions, rows } = JSON.parse(readFileSync(path, "utf8"));
  const { gigaflops, gigabytes } = conditions;
  return {
    limits: [
      markdownTable([
        ["network, batch", "arithmetic", "memory traffic", "measured", "of the greater limit"],
        ...rows.map(({ network, arithmetic, traffic, milliseconds }) => [
          titleOf(network),
          show(arithmetic),
          show(traffic),
          showFigures(milliseconds),
          `${(milliseconds.median / Math.max(arithmetic, traffic)).toFixed(2)}×`,
        ]),
      ]),
      `At ${show(gigaflops.greatest)} billion operations and ${show(gigabytes.greatest)} GB a second, the best of the rounds.`,
      conditionsText({ conditions }),
    ].join("\n\n"),
  };
}
