import { statSync } from "node:fs";
import type { Command } from "commander";
import { bytes, count, printable } from "../report/index.js";
import {
  type CheckpointFormat,
  type FileTensor,
  hyperParametersKey,
  hyperParametersText,
  openCheckpoint,
  requireWritable,
  writeTensors,
} from "../weights/index.js";
import { requireOther } from "./require-other.js";

interface Options {
  entry?: string;
  json?: true;
}

const formats: Readonly<Record<CheckpointFormat, string>> = {
  safetensors: "safetensors",
  "torch zip": "PyTorch",
  "torch legacy": "PyTorch, from before 1.6",
};

export function registerConvert(program: Command): void {
  program
    .command("convert")
    .description("Turn weights of PyTorch or Lightning into safetensors or back. Nothing in a file is executed.")
    .argument("<input>", "a .ckpt, .pt, .pth, .bin or .safetensors file")
    .argument("<output>", "the file to write: .safetensors, .pt or .pth")
    .option("--entry <name>", "take the weights from this entry of the file, e.g. model_ema")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ fovea convert ResNet.ckpt resnet.safetensors
  $ fovea convert checkpoint.pth ema.safetensors --entry model_ema
  $ fovea convert runs/nuclei/checkpoints/best/weights.safetensors nuclei.pt`,
    )
    .action((input: string, output: string, { entry, json }: Options) => {
      requireWritable(output);
      requireOther(input, output);
      using file = openCheckpoint(input, { entry });
      const { format, tensors, metadata, hyperParameters, others, prefix } = file;
      const notes = { ...metadata };
      if (hyperParameters) notes[hyperParametersKey] = hyperParametersText(hyperParameters);
      writeTensors(output, tensors, notes);

      const size = statSync(output).size;
      const parameters = countParameters(tensors);
      if (json) {
        const facts = { format, entry: file.entry, others, prefix, hyperParameters, metadata };
        console.log(
          JSON.stringify({ input, output, tensors: tensors.size, parameters, bytes: size, ...facts }, null, 2),
        );
        return;
      }
      const found = [
        `${tensors.size} tensors with ${count(parameters)} parameters`,
        file.entry && `in its entry ${printable(file.entry)}`,
        prefix && `without the prefix ${prefix} of all names`,
      ];
      console.log(`Read ${printable(input)} (${formats[format]}): ${found.filter(Boolean).join(", ")}.`);
      if (others.length > 0) {
        console.log(`It has tensors in ${others.map(printable).join(", ")} too, which --entry takes.`);
      }
      console.log(`Wrote ${printable(output)}: ${bytes(size)}${hyperParameters ? ", hyper-parameters included" : ""}.`);
    });
}

/** Elements of all but what BatchNorm keeps beside its parameters. */
function countParameters(tensors: ReadonlyMap<string, FileTensor>): number {
  let sum = 0;
  for (const [name, { shape }] of tensors) {
    if (!/(^|\.)(running_mean|running_var|num_batches_tracked)$/.test(name)) sum += shape.reduce((a, b) => a * b, 1);
  }
  return sum;
}
