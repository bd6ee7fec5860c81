import { z } from "zod";
import { FileError, FoveaError } from "../errors.js";
import {
  CifarDenseNet,
  CifarGoogLeNet,
  CifarResNet,
  createModel,
  findModel,
  type ModelEntry,
} from "../models/index.js";
import { type ActivationName, type Module, type StateDict, StateDictError } from "../nn/index.js";
import { headTensors } from "./head.js";
import { loadWeights } from "./weights.js";

/** A network that was rebuilt from a checkpoint. */
export interface CheckpointModel {
  /** In evaluation mode, on the device. */
  readonly model: Module;
  /** What the registry knows of it: input size, normalisation. */
  readonly entry: ModelEntry;
  /** The classes in the order of the outputs, where the file names them. */
  readonly classes: readonly string[] | undefined;
}

/** The classes that a network was made for, as Fovea's own checkpoints name them in JSON. */
const classNames = z.array(z.string()).min(1);

const activations: Record<string, ActivationName> = {
  relu: "relu",
  tanh: "tanh",
  leakyrelu: "leakyRelu",
  gelu: "gelu",
};

const sizes = z.array(z.int().min(1)).min(1);

/** What the UvA tutorial's checkpoints tell of a network (`hyper_parameters`). */
const uvaParameters = z.object({
  model_name: z.string(),
  model_hparams: z.object({
    num_classes: z.int().min(1).optional(),
    act_fn_name: z.enum(["relu", "tanh", "leakyrelu", "gelu"]).default("relu"),
    c_hidden: sizes.optional(),
    num_blocks: sizes.optional(),
    block_name: z.enum(["ResNetBlock", "PreActResNetBlock"]).optional(),
    num_layers: sizes.optional(),
    bn_size: z.int().min(1).optional(),
    growth_rate: z.int().min(1).optional(),
  }),
});

type UvaParameters = z.infer<typeof uvaParameters>["model_hparams"];

/** The tutorial's names, and our networks of the same names in the registry. */
const uvaNetworks: Record<string, { name: string; build: (parameters: UvaParameters) => Module }> = {
  GoogleNet: {
    name: "cifar_googlenet",
    build: (p) => new CifarGoogLeNet({ classes: p.num_classes, activation: activations[p.act_fn_name] }),
  },
  ResNet: { name: "cifar_resnet20", build: resnet },
  ResNetPreAct: { name: "cifar_preact_resnet20", build: (p) => resnet({ block_name: "PreActResNetBlock", ...p }) },
  DenseNet: {
    name: "cifar_densenet",
    build: (p) =>
      new CifarDenseNet({
        classes: p.num_classes,
        activation: activations[p.act_fn_name],
        layers: p.num_layers,
        bottleneck: p.bn_size,
        growthRate: p.growth_rate,
      }),
  },
};

function resnet(p: UvaParameters): Module {
  return new CifarResNet({
    classes: p.num_classes,
    activation: activations[p.act_fn_name],
    blocks: p.num_blocks,
    widths: p.c_hidden,
    block: p.block_name === "PreActResNetBlock" ? "preActivation" : "residual",
  });
}

/**
 * The network of a checkpoint with its weights, rebuilt from what the file tells: Fovea's own metadata (`model`, `classes`),
 * or a Lightning checkpoint's hyper-parameters as those of the UvA deep-learning tutorial 5.
 *
 * @param options.model a name that `listModels` gives, for files that hold weights alone; the classes are counted in the
 *   weights then
 * @param options.device default `cpu`
 * @throws FileError when the file cannot be read, does not tell the network, or its weights do not fit it
 */
export function modelFromCheckpoint(path: string, options: { model?: string; device?: string } = {}): CheckpointModel {
  const file = loadWeights(path, { device: options.device });
  try {
    const { data: classes } = classNames.safeParse(parseJson(file.metadata.classes));
    const { model, entry } = networkOf(path, file, { wanted: options.model, classes: classes?.length });
    model.loadStateDict(file.state);
    return { model: model.eval(), entry, classes };
  } catch (error) {
    if (error instanceof StateDictError) throw new FileError(path, error.message, { cause: error });
    throw error;
  } finally {
    for (const weights of file.state.values()) weights.dispose();
  }
}

function networkOf(
  path: string,
  { state, metadata, hyperParameters }: ReturnType<typeof loadWeights>,
  { wanted, classes }: { wanted: string | undefined; classes: number | undefined },
): Pick<CheckpointModel, "model" | "entry"> {
  if (wanted !== undefined) {
    return { model: createModel(wanted, { classes: classesOf(wanted, state) }), entry: findModel(wanted) };
  }
  const uva = uvaParameters.safeParse(hyperParameters);
  const network = uva.success ? uvaNetworks[uva.data.model_name] : undefined;
  if (uva.success && network) {
    return { model: network.build(uva.data.model_hparams), entry: findModel(network.name) };
  }
  if (metadata.model !== undefined) {
    const entry = known(path, metadata.model);
    return { model: createModel(entry.name, { classes }), entry };
  }
  const told = uva.success ? `names a network "${uva.data.model_name}" that is not known` : "does not tell its network";
  throw new FileError(path, told, { hint: "Name it with --model; `fovea models` lists all." });
}

/** The number of outputs that weights of a network have. */
function classesOf(name: string, state: StateDict): number | undefined {
  for (const [key, dim] of headTensors(name)) {
    const size = state.get(key)?.shape[dim];
    if (size !== undefined) return size;
  }
  return undefined;
}

function known(path: string, name: string): ModelEntry {
  try {
    return findModel(name);
  } catch (cause) {
    if (!(cause instanceof FoveaError)) throw cause;
    throw new FileError(path, `names a network "${name}" that is not known`, {
      hint: "Register it before, or name another with --model.",
      cause,
    });
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
