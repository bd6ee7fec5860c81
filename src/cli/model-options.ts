import { type Command, Option } from "commander";
import type { ModelOptions } from "../models/index.js";
import { type ActivationName, activationNames } from "../nn/index.js";
import { number, wholeNumber } from "./arguments.js";

/** What one chooses of a network on the command line. */
export interface NetworkOptions {
  classes?: number;
  inChannels?: number;
  dropout?: number;
  stochasticDepth?: number;
  activation?: ActivationName;
  stem?: "imagenet" | "cifar";
}

export function addNetworkOptions(command: Command): Command {
  return command
    .option("--classes <n>", "outputs (default: the network's own)", wholeNumber(1))
    .option("--in-channels <n>", "channels of the input (default: the network's own)", wholeNumber(1))
    .option("--dropout <p>", "probability of the head's dropout", number(0, 1))
    .option("--stochastic-depth <p>", "probability that the last block is left out in training", number(0, 1))
    .addOption(new Option("--activation <name>", "in place of the network's own").choices(activationNames))
    .addOption(
      new Option("--stem <kind>", "cifar: for images of about 32x32, without shrinking them").choices([
        "imagenet",
        "cifar",
      ]),
    );
}

/** The part of a command's options that the registry takes. */
export function networkOptions(options: NetworkOptions): ModelOptions {
  const { classes, inChannels, dropout, stochasticDepth, activation, stem } = options;
  return { classes, inChannels, dropout, stochasticDepth, activation, stem };
}
