import { readFileSync } from "node:fs";
import { parseDocument, stringify } from "yaml";
import { z } from "zod";
import { FileError, messageOf } from "../errors.js";
import { writeFileAtomic } from "../files.js";

const rgb = z.tuple([z.number(), z.number(), z.number()]);

const dataSchema = z.discriminatedUnion("source", [
  z.strictObject({
    source: z.literal("synthetic"),
    train: z.int().min(1),
    validation: z.int().min(1),
    seed: z.int(),
  }),
  z.strictObject({
    source: z.literal("folder"),
    path: z.string(),
    /** Held out of each class where the folder has no validation part. */
    validationFraction: z.number().gt(0).lt(1),
    onUnreadable: z.enum(["stop", "skip"]),
  }),
]);

const settingsSchema = z.strictObject({
  version: z.literal(1),
  model: z.strictObject({ name: z.string(), dropout: z.number().min(0).max(1).optional() }),
  data: dataSchema,
  /** In the order of the network's outputs. */
  classes: z.array(z.string()).min(1),
  /** Height and width that images are resized to. */
  size: z.int().min(1),
  normalization: z.strictObject({ mean: rgb, std: rgb }),
  augmentation: z
    .strictObject({
      flips: z.boolean(),
      quarterTurns: z.boolean(),
      colorJitter: z.strictObject({ brightness: z.number(), contrast: z.number(), saturation: z.number() }).optional(),
    })
    .optional(),
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

/**
 * What decides a run: what `recipe.yaml` holds. Without `model.dropout` it is the network's own, without `augmentation`
 * there is none.
 */
export type RunSettings = z.infer<typeof settingsSchema>;

/** @throws FileError when it cannot be written */
export function writeSettings(path: string, settings: RunSettings): void {
  writeFileAtomic(path, stringify(settings));
}

/** @throws FileError that names the setting, when the file is missing, no YAML, or not the settings of a run */
export function readSettings(path: string): RunSettings {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
  const parsed = settingsSchema.safeParse(parseYaml(path, text));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
  throw new FileError(path, `these are not the settings of a run: ${problems.join("; ")}`);
}

function parseYaml(path: string, text: string): unknown {
  try {
    const document = parseDocument(text);
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS();
  } catch (cause) {
    // Below the first line yaml draws where it is.
    const [line = ""] = messageOf(cause).split("\n");
    throw new FileError(path, `is not valid YAML (${line.replace(/:$/, "")})`, { cause });
  }
}
