#!/usr/bin/env node
/**
 * Training against the other libraries that train on Node, TensorFlow.js and jax-js: a step of the CIFAR-10 ResNet-20, which each can express,
 * and which networks of the registry each has gradients for, found by trying our operators one by one. Required: ahead of each.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { contest } from "./lib/contest.mjs";
import { showFigures } from "./lib/figures.mjs";
import { summarisePeers, titles } from "./lib/javascript-summary.mjs";
import { count, readOptions } from "./lib/options.mjs";
import { conclude, conditions, printTable, withoutCounts } from "./lib/report.mjs";
import { samplesOf, writeSamples } from "./lib/samples.mjs";
import { trainingContenders } from "./lib/training-contenders.mjs";

const folder = fileURLToPath(new URL("./peers", import.meta.url));
const network = "cifar_resnet20";
/** The ways in which they compute here. jax-js has but one in Node. */
const backends = { tfjs: ["tfjs.mjs"], "tfjs-wasm": ["tfjs.mjs", "--backend", "wasm"], "jax-js": ["jax-js.mjs"] };

const options = readOptions({
  rounds: { type: "string", default: "3" },
  batch: { type: "string", default: "2" },
  budget: { type: "string", default: "1" },
});
const batch = count("batch", options.batch);

if (!existsSync(`${folder}/node_modules`)) {
  process.stderr.write("installing what bench/peers/package-lock.json lists\n");
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", ["ci", ...quiet], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

const command = ([script, ...args], ...more) => [process.execPath, `${folder}/${script}`, ...args, ...more];
const gradients = Object.fromEntries(Object.entries(backends).map(([name, way]) => [name, tried(name, command(way))]));
const networks = await operatorsOfNetworks();
const lacking = Object.fromEntries(
  Object.entries(gradients).map(([name, found]) => [
    name,
    Object.entries(networks).flatMap(([each, operators]) => {
      const missing = operators.filter((operator) => found[operator] !== true);
      return missing.length > 0 ? [{ network: each, missing }] : [];
    }),
  ]),
);

const size = ["--batch", String(batch), "--budget", options.budget];
const expressible = Object.entries(backends).filter(([name]) => lacking[name].every((one) => one.network !== network));
const found = await contest(
  {
    ...trainingContenders(["fovea"], { name: network, batch, size: 32, classes: 10 }, options),
    ...Object.fromEntries(
      expressible.map(([name, way]) => [name, { command: command(way, ...size), standing: true, optional: true }]),
    ),
  },
  options,
);
const samples = samplesOf(found, { network, batch });
const summary = summarisePeers(samples);
const peers = summary.filter(({ contender }) => contender !== "fovea");
const result = {
  conditions: {
    ...conditions(options),
    network,
    batch,
    contenders: Object.fromEntries(Object.entries(found).map(([name, { about }]) => [name, withoutCounts(about)])),
    failures: Object.fromEntries(
      Object.entries(found).flatMap(([name, { failed }]) => (failed === undefined ? [] : [[name, failed]])),
    ),
    networks: Object.keys(networks).length,
    gradients: reasons(gradients),
    lacking,
  },
  requirements: peers.map(({ contender, faster }) => ({
    what: `${network}, batch ${batch}: faster than ${titles[contender]}: ${faster.median.toFixed(0)}x`,
    met: faster.median >= 1,
  })),
};
printTable([
  [`milliseconds a step of ${network}, batch ${batch}`, "time", "Fovea's speed"],
  ...summary.map(({ contender, milliseconds, faster }) => [
    titles[contender],
    showFigures(milliseconds),
    showFigures(faster),
  ]),
]);
for (const [name, networksLacking] of Object.entries(lacking)) {
  const all = networksLacking.length === Object.keys(networks).length;
  console.log(
    `\n${titles[name]} cannot train ${all ? "any" : networksLacking.length} of our networks${reasonLine(name)}`,
  );
}
if (options.save) writeSamples("javascript-peers", "network", new Date().toISOString(), result.conditions, samples);
delete result.conditions.lacking;
conclude("javascript-peers", result, options);

function reasonLine(name) {
  const missing = Object.entries(reasons(gradients)[name]).map(([operator, why]) => `${operator} (${why})`);
  return missing.length === 0 ? "." : `: ${missing.join("; ")}`;
}

function reasons(all) {
  return Object.fromEntries(
    Object.entries(all).map(([name, found]) => [
      name,
      Object.fromEntries(Object.entries(found).filter(([, answer]) => answer !== true)),
    ]),
  );
}

/** Which operators a peer has gradients for. */
function tried(name, [program, ...args]) {
  process.stderr.write(`${name}: trying our operators\n`);
  const output = execFileSync(program, [...args, "--try"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return JSON.parse(output).gradients;
}

/** The operators of every network of the registry; of convolutions there are three kinds. */
async function operatorsOfNetworks() {
  const { trace } = await import("fovea/graph");
  const { createModel, listModels } = await import("fovea/models");
  return Object.fromEntries(
    listModels().map(({ name, inChannels, inputSize }) => {
      const { nodes } = trace(createModel(name), [1, inChannels, inputSize, inputSize]);
      return [name, [...new Set(nodes.map(kindOf))]];
    }),
  );
}

function kindOf({ operator, attributes, shape }) {
  if (operator !== "conv2d" || attributes.groups === 1) return operator;
  return attributes.groups === shape[1] ? "depthwise conv2d" : "grouped conv2d";
}
