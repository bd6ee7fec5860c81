import { stringify } from "yaml";
import { z } from "zod";
import { dataSpecSchema, mixSchema, outputSize, pipelineSchema, type Size, samplerSchema } from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { readYaml } from "../yaml-file.js";

const VERSION = 2;

const settingsSchema = z.strictObject({
  version: z.literal(VERSION),
  model: z.strictObject({ name: z.string(), dropout: z.number().min(0).max(1).optional() }),
  data: dataSpecSchema,
  /** In the order of the network's outputs. */
  classes: z.array(z.string()).min(1),
  /** What is done to images; `evaluation` belongs to the network, wherever it is used. */
  transforms: z.strictObject({ train: pipelineSchema, evaluation: pipelineSchema }),
  mix: mixSchema.optional(),
  sampler: samplerSchema,
  epochs: z.int().min(1),
  batchSize: z.int().min(1),
  optimizer: z.discriminatedUnion("name", [
    z.strictObject({ name: z.literal("adamw"), learningRate: z.number().min(0), weightDecay: z.number().min(0) }),
    z.strictObject({
      name: z.literal("sgd"),
      learningRate: z.number().min(0),
      weightDecay: z.number().min(0),
      momentum: z.number().min(0).lt(1),
    }),
  ]),
  schedule: z.enum(["constant", "cosine", "onecycle"]),
  loss: z.strictObject({
    labelSmoothing: z.number().min(0).max(1),
    /** `balanced`: each class counts the same, however many samples it has. */
    classWeights: z.enum(["none", "balanced"]),
  }),
  seed: z.int(),
  device: z.string(),
});

/** What decides a run: what `recipe.yaml` holds. Without `model.dropout` it is the network's own, without `mix` no mixing. */
export type RunSettings = z.infer<typeof settingsSchema>;

/** @throws FileError when it cannot be written */
export function writeSettings(path: string, settings: RunSettings): void {
  writeFileAtomic(path, stringify(settings, { aliasDuplicateObjects: false }));
}

/** @throws FileError that names the setting, when the file is missing, no YAML, or not the settings of a run */
export function readSettings(path: string): RunSettings {
  const value = readYaml(path);
  const version = typeof value === "object" && value !== null && "version" in value ? value.version : undefined;
  if (typeof version === "number" && version < VERSION) {
    throw new FileError(path, "is of an earlier version of Fovea, which this one cannot read", {
      hint: "Train it again.",
    });
  }
  const parsed = settingsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
  throw new FileError(path, `these are not the settings of a run: ${problems.join("; ")}`);
}

/** Height and width of the images that the network is evaluated on. */
export function imageSize({ transforms }: RunSettings): Size {
  const size = outputSize(transforms.evaluation);
  if (size) return size;
  throw new ArgumentError("the transforms for evaluation do not give images one size", "Add resize with both sides.");
}
