import type { Command } from "commander";
import { trace } from "../graph/index.js";
import { createModel, findModel } from "../models/index.js";
import { summaryTable } from "../report/index.js";
import { wholeNumber } from "./arguments.js";

interface Options {
  depth?: number;
  size?: number;
  batchSize: number;
  classes?: number;
  inChannels: number;
  json?: true;
}

export function registerSummary(program: Command): void {
  program
    .command("summary")
    .description("Show a network's layers: output shapes, parameters, multiply-adds, and the totals.")
    .argument("<model>", "a name that `fovea models` lists")
    .option("--depth <n>", "show modules down to this depth", wholeNumber(0))
    .option("--size <pixels>", "height and width of the input (default: the network's own)", wholeNumber(1))
    .option("--batch-size <n>", "images in the input", wholeNumber(1), 1)
    .option("--classes <n>", "outputs (default: the network's own)", wholeNumber(1))
    .option("--in-channels <n>", "channels of the input", wholeNumber(1), 3)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea summary nuclei_basic --depth 2
  $ fovea summary cifar_resnet20 --size 64 --classes 100
  $ fovea summary nuclei_basic --json`,
    )
    .action((name: string, options: Options) => {
      const { depth, batchSize, inChannels, classes } = options;
      const size = options.size ?? findModel(name).inputSize;
      const graph = trace(createModel(name, { classes, inChannels }), [batchSize, inChannels, size, size]);
      if (!options.json) {
        console.log(summaryTable(graph, { depth }));
        return;
      }
      const {
        inputShape,
        outputShape,
        parameters,
        trainableParameters,
        multiplyAdds,
        parameterBytes,
        activationBytes,
      } = graph;
      const modules = graph.modules.filter((module) => module.depth <= (depth ?? Number.POSITIVE_INFINITY));
      const totals = { parameters, trainableParameters, multiplyAdds, parameterBytes, activationBytes };
      console.log(JSON.stringify({ model: name, inputShape, outputShape, ...totals, modules }, null, 2));
    });
}
