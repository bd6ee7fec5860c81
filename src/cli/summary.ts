import type { Command } from "commander";
import { trace } from "../graph/index.js";
import { createModel, findModel } from "../models/index.js";
import { parameterRows, parameterTable, summaryRows, summaryTable } from "../report/index.js";
import { wholeNumber } from "./arguments.js";
import { addNetworkOptions, type NetworkOptions, networkOptions } from "./model-options.js";

interface Options extends NetworkOptions {
  depth?: number;
  size?: number;
  batchSize: number;
  parameters?: true;
  json?: true;
}

export function registerSummary(program: Command): void {
  const command = program
    .command("summary")
    .description("Show a network's layers: shapes, parameters, multiply-adds, and the totals.")
    .argument("<model>", "a name that `fovea models` lists")
    .option("--depth <n>", "show modules down to this depth", wholeNumber(0))
    .option("--size <pixels>", "height and width of the input (default: the network's own)", wholeNumber(1))
    .option("--batch-size <n>", "images in the input", wholeNumber(1), 1);
  addNetworkOptions(command)
    .option("--parameters", "list the parameters by name instead, and their total")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea summary efficientnet_b0 --depth 2
  $ fovea summary efficientnet_b0 --parameters
  $ fovea summary resnet18 --stem cifar --size 32 --classes 10
  $ fovea summary nuclei_basic --json`,
    )
    .action((name: string, options: Options) => {
      const entry = findModel(name);
      const model = createModel(name, networkOptions(options));
      if (options.parameters) {
        const rows = parameterRows(model);
        console.log(
          options.json ? json({ model: name, total: model.parameterCount(), parameters: rows }) : parameterTable(rows),
        );
        return;
      }
      const { depth, batchSize, inChannels = entry.inChannels, size = entry.inputSize } = options;
      const graph = trace(model, [batchSize, inChannels, size, size]);
      if (!options.json) {
        console.log(summaryTable(graph, { depth }));
        return;
      }
      const { inputShape, outputShape, parameters, trainableParameters } = graph;
      const { multiplyAdds, parameterBytes, activationBytes } = graph;
      const totals = { parameters, trainableParameters, multiplyAdds, parameterBytes, activationBytes };
      console.log(json({ model: name, inputShape, outputShape, ...totals, modules: summaryRows(graph, depth) }));
    });
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
