import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../errors.js";
import type { Callback, FitContext } from "../train/callback.js";
import { flatSettings } from "./flat-settings.js";
import { epochValues, stepValues } from "./logged-values.js";
import { MlflowClient, MlflowError, type MlflowRun, type MlflowStatus } from "./mlflow.js";
import { MetricQueue } from "./mlflow-queue.js";
import { wholeOption } from "./tiles.js";

export interface MlflowOptions {
  /** Made where there is none; default `Default`, which every server has. */
  experiment?: string;
  /** Default: one that the server makes up. */
  runName?: string;
  /** More tags of the run. */
  tags?: Readonly<Record<string, string>>;
  /** What the run is made with, plain data: its parameters. */
  recipe?: Readonly<Record<string, unknown>>;
  /** Batches from one point of `train/loss_step` and `learning_rate` to the next; default 50. */
  everySteps?: number;
  /**
   * Files that are uploaded when training has come to its end, those of them that there are then. Their paths are
   * relative to the folder, with slashes, and are their paths among the run's artifacts.
   */
  artifacts?: { readonly folder: string; readonly files: readonly string[] };
  /** Seconds that the end of training waits for a server that does not answer; default 30. */
  patience?: number;
  /** Default: `process.emitWarning`. */
  onWarning?: (message: string) => void;
}

const stateSchema = z.object({ runId: z.string() });

/**
 * Tells a tracking server of MLflow of a training: a run with the recipe as parameters, and the same curves as
 * `tensorBoardLogger`'s scalars, over the batches since training began. What is undefined (NaN) is left out.
 *
 * A server that is not there when training starts is an error. One that goes away later is not: what it should know is
 * kept and sent again, a warning says so once, and another one at the end what is lost. The run ends as `FINISHED`,
 * also where training stopped early; as `KILLED` after an interruption; as `FAILED` after an error.
 *
 * Where a training goes on, so does its run. Batches that are done again have two points then: MLflow keeps all.
 *
 * @param trackingUri the server's address, `http://…` or `https://…`; see `MlflowClient` for its credentials
 * @throws ArgumentError for another address, or when `everySteps` is not a whole number from 1 on
 */
export function mlflowLogger(trackingUri: string, options: MlflowOptions = {}): Callback {
  const { recipe = {}, artifacts, patience = 30 } = options;
  const { onWarning = (message: string) => process.emitWarning(message, "MlflowWarning") } = options;
  const everySteps = wholeOption("everySteps", options.everySteps ?? 50, 1, Number.MAX_SAFE_INTEGER);
  const client = new MlflowClient(trackingUri);
  let fit: FitContext | undefined;
  let run: MlflowRun | undefined;
  let queue: MetricQueue | undefined;
  let savedId: string | undefined;
  let step = 0;
  let warned = false;

  const warnOnce = (error: unknown) => {
    if (warned) return;
    warned = true;
    const then = isTransient(error)
      ? "training goes on, and it is tried again"
      : "training goes on without these values";
    onWarning(`${messageOf(error)}; ${then}`);
  };
  const log = (values: Readonly<Record<string, number>>) => {
    const timestamp = Date.now();
    const defined = Object.entries(values).filter(([, value]) => !Number.isNaN(value));
    queue?.add(defined.map(([key, value]) => ({ key, value, timestamp, step })));
  };
  const begin = async (): Promise<MlflowRun> => {
    const experiment = await client.experiment(options.experiment ?? "Default");
    return client.createRun(experiment, { name: options.runName, tags: { ...standardTags(), ...options.tags } });
  };
  const goOn = async (id: string): Promise<MlflowRun | undefined> => {
    const known = await client.resumeRun(id);
    if (!known) onWarning(`MLflow's server at ${client.server} has no run ${id} any more; a new one is made`);
    return known;
  };
  const upload = async (to: MlflowRun): Promise<string[]> => {
    const { folder = "", files = [] } = artifacts ?? {};
    const there = files.filter((file) => existsSync(join(folder, file)));
    if (there.length > 0 && !client.takesArtifacts(to)) {
      return [`its files, since they belong to ${to.artifactUri}, where only MLflow's own client writes`];
    }
    const lost: string[] = [];
    for (const [i, file] of there.entries()) {
      const error = await insist(() => client.uploadArtifact(to, file, join(folder, file)), patience);
      if (error !== undefined) lost.push(`${file} (${messageOf(error)})`);
      if (isTransient(error)) return [...lost, ...there.slice(i + 1)];
    }
    return lost;
  };
  const end = async (status: MlflowStatus) => {
    if (!run) return;
    const values = (await queue?.finish(1000 * patience)) ?? 0;
    const lost = values === 0 ? [] : [`${values} ${values === 1 ? "value" : "values"}`];
    // What was interrupted may go on, and has its files then.
    if (status === "FINISHED" && values === 0) lost.push(...(await upload(run)));
    const { id } = run;
    const error = await insist(() => client.endRun(id, status), values === 0 ? patience : 0);
    if (error !== undefined) lost.push(`its end, ${status} (${messageOf(error)})`);
    if (lost.length > 0) onWarning(`MLflow's run ${id} at ${client.server} lacks ${lost.join(", ")}`);
  };

  return {
    name: "mlflow",
    onFitStart: async (context) => {
      fit = context;
      const { epoch, batch } = context.state().position;
      step = epoch * context.batches + batch;
      run = savedId === undefined ? undefined : await goOn(savedId);
      if (!run) {
        run = await begin();
        await client.logParameters(run.id, flatSettings(recipe));
      }
      const { id } = run;
      queue = new MetricQueue((metrics, signal) => client.logMetrics(id, metrics, signal), warnOnce);
    },
    onTrainBatchEnd: (record) => {
      step = record.globalStep;
      if (step % everySteps === 0) log(stepValues(record));
    },
    onTrainEpochEnd: (record) => log(epochValues(record)),
    onFitEnd: async () => {
      const { epoch = 0, stopped } = fit?.state().position ?? {};
      await end(fit && epoch < fit.epochs && stopped === undefined ? "KILLED" : "FINISHED");
    },
    onException: () => end("FAILED"),
    state: () => ({ runId: run?.id ?? savedId }),
    loadState: (state) => {
      savedId = stateSchema.safeParse(state).data?.runId;
    },
  };
}

/** As MLflow's own client sets them. */
function standardTags(): Record<string, string> {
  let user: string | undefined;
  try {
    user = userInfo().username;
  } catch {
    // A container's user may have no name.
  }
  return { "mlflow.source.name": "fovea", "mlflow.source.type": "LOCAL", ...(user && { "mlflow.user": user }) };
}

/** Tries again for so many seconds while it may help. @returns the last error, undefined when it was done */
async function insist(action: () => Promise<void>, seconds: number): Promise<unknown> {
  const end = performance.now() + 1000 * seconds;
  for (;;) {
    try {
      await action();
      return undefined;
    } catch (error) {
      if (!isTransient(error) || performance.now() >= end) return error;
      await sleep(500);
    }
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof MlflowError && error.transient;
}
