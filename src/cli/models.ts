import { type Command, Option } from "commander";
import { FoveaError } from "../errors.js";
import { listModels, type ModelEntry } from "../models/index.js";
import { count, shortCount, table } from "../report/index.js";
import { quantity } from "./quantity.js";

interface Options {
  family?: string;
  maxParams?: number;
  maxMacs?: number;
  sort: keyof typeof orders;
  json?: true;
}

const orders = {
  name: () => 0,
  params: (a: ModelEntry, b: ModelEntry) => a.parameters - b.parameters,
  macs: (a: ModelEntry, b: ModelEntry) => a.multiplyAdds - b.multiplyAdds,
};

export function registerModels(program: Command): void {
  program
    .command("models")
    .description("List the networks, with their families and sizes.")
    .argument("[pattern]", "only names that match it; * stands for anything", "*")
    .option("--family <name>", "only this family")
    .option("--max-params <n>", "at most so many parameters, e.g. 10M", quantity)
    .option("--max-macs <n>", "at most so many multiply-adds of one image, e.g. 1G", quantity)
    .addOption(new Option("--sort <key>", "smallest first").choices(Object.keys(orders)).default("name"))
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea models
  $ fovea models "efficientnet*" --sort params
  $ fovea models --max-params 10M --max-macs 1G --sort macs
  $ fovea models --family ResNet --json`,
    )
    .action((pattern: string, options: Options) => {
      const found = select(pattern, options);
      if (options.json) {
        // The functions that build them are left out by JSON itself.
        console.log(JSON.stringify(found, null, 2));
        return;
      }
      const rows = found.map((entry) => [
        entry.name,
        entry.family,
        count(entry.parameters),
        shortCount(entry.multiplyAdds),
        `${entry.inChannels}x${entry.inputSize}x${entry.inputSize}`,
        entry.description,
      ]);
      console.log(
        table(["Network", "Family", "Parameters", "Multiply-adds", "Input", "What it is"], rows, {
          align: ["left", "left", "right", "right", "right", "left"],
        }),
      );
    });
}

/** @throws FoveaError when no network is left */
function select(pattern: string, { family, maxParams, maxMacs, sort }: Options): ModelEntry[] {
  const named = listModels(pattern);
  if (named.length === 0) {
    throw new FoveaError("UNKNOWN_MODEL", `No network's name matches "${pattern}".`, {
      hint: "`fovea models` lists all.",
    });
  }
  const related = named.filter((entry) => family === undefined || same(entry.family, family));
  if (related.length === 0) {
    const families = [...new Set(listModels().map((entry) => entry.family))].sort();
    const known = families.some((name) => same(name, family ?? ""));
    throw new FoveaError(
      "UNKNOWN_MODEL",
      known ? `No network of the family ${family} matches "${pattern}".` : `There is no family "${family}".`,
      { hint: `The families are ${families.join(", ")}.` },
    );
  }
  const { POSITIVE_INFINITY } = Number;
  const small = related.filter(
    (entry) =>
      entry.parameters <= (maxParams ?? POSITIVE_INFINITY) && entry.multiplyAdds <= (maxMacs ?? POSITIVE_INFINITY),
  );
  if (small.length === 0) {
    const [least] = related.sort(orders.params);
    const sizes = least && `${count(least.parameters)} parameters and ${shortCount(least.multiplyAdds)} multiply-adds`;
    throw new FoveaError("UNKNOWN_MODEL", "No network is that small.", {
      hint: `Of those named, ${least?.name} is the smallest, with ${sizes}.`,
    });
  }
  // The order of names decides between equals: sorting is stable.
  return small.sort(orders[sort]);
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
