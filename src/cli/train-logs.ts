import { basename } from "node:path";
import { augmentedSamples, type Dataset, describeOps, imageOf, UNLABELLED } from "../data/index.js";
import { FileError } from "../errors.js";
import { trace } from "../graph/index.js";
import { csvLogger, type GridRow, mlflowLogger, printable, tensorBoardLogger } from "../report/index.js";
import { type Callback, channelsOf, imageSize, type Run, type RunData, writeEnvironment } from "../train/index.js";

/** How many images TensorBoard shows as the network sees them. */
const samples = 8;
const epochs = 3;

/**
 * What writes down a training: TensorBoard's event files and a CSV file in the run's folder, and MLflow where its server is
 * named.
 *
 * @param mlflow the server's address
 */
export async function trainingLogs(run: Run, data: RunData, mlflow: string | undefined): Promise<Callback[]> {
  const { settings } = run;
  const { width, height } = imageSize(settings);
  writeEnvironment(run.file("environment.json"));
  return [
    tensorBoardLogger(run.path, {
      graph: trace(run.createModel(), [1, channelsOf(settings), height, width]),
      recipe: { ...settings },
      samples: await samplesOf(run, data),
      metric: settings.checkpoint.metric,
    }),
    csvLogger(run.file("metrics.csv")),
    ...(mlflow === undefined ? [] : [mlflowOf(run, mlflow)]),
  ];
}

function mlflowOf(run: Run, server: string): Callback {
  const { settings } = run;
  return mlflowLogger(server, {
    experiment: process.env.MLFLOW_EXPERIMENT_NAME ?? "fovea",
    runName: basename(run.path),
    recipe: { ...settings },
    artifacts: { folder: run.path, files: ["recipe.yaml", "metrics.csv", "checkpoints/best/weights.safetensors"] },
    onWarning: (message) => console.error(`warning: ${printable(message)}`),
  });
}

/** The first images that can be read, and beside them what training sees of each in the first epochs. */
async function samplesOf({ settings }: Run, { train }: RunData): Promise<GridRow[]> {
  const chosen = await readable(train, samples);
  const { seed, transforms } = settings;
  const made = await augmentedSamples(train, chosen, { transforms: transforms.train, seed, epochs });
  return made.map(({ index, original, versions }) => ({
    label: train.classes[train.labels[index] ?? UNLABELLED] ?? "",
    name: train.names[index] ?? "",
    cells: [
      { ...original, title: "original" },
      ...versions.map(({ image, ops }, epoch) => ({
        ...image,
        title: `epoch ${epoch + 1}`,
        changes: describeOps(ops.filter(({ op }) => op !== "normalize")),
      })),
    ],
  }));
}

/** Those that cannot be read are the training's to tell of. */
async function readable(set: Dataset, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < set.size && found.length < count; index++) {
    try {
      await imageOf(set, index);
      found.push(index);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }
  return found;
}
