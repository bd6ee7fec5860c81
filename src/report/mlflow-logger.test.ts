import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { someFit, someRecord, someStep } from "../../test/support/fit.js";
import { type StandIn, type StandInRun, serveMlflow } from "../../test/support/mlflow-server.js";
import { someScores } from "../../test/support/tiny.js";
import { ArgumentError } from "../errors.js";
import { type Callback, ConfusionMatrix, type Evaluation, type TrainingPosition } from "../train/index.js";
import { type MlflowOptions, mlflowLogger } from "./mlflow-logger.js";

let server: StandIn;
let folder = "";
let warnings: string[] = [];
beforeEach(async () => {
  for (const name of ["USERNAME", "PASSWORD", "TOKEN"]) vi.stubEnv(`MLFLOW_TRACKING_${name}`, undefined);
  server = await serveMlflow();
  folder = mkdtempSync(join(tmpdir(), "fovea-mlflow-"));
  warnings = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const evaluation: Evaluation = {
  loss: 1,
  matrix: new ConfusionMatrix(["a"]),
  probabilities: new Float32Array(),
  indices: new Uint32Array(),
  labels: new Int32Array(),
};

const logger = (options: MlflowOptions = {}) =>
  mlflowLogger(server.url, { everySteps: 2, onWarning: (message) => warnings.push(message), ...options });

/** A training that stands somewhere else at its end than at its start. */
function movingFit(start: Partial<TrainingPosition> = {}) {
  let position = start;
  const fit = { ...someFit(), state: () => someFit(position).state() };
  const moveTo = (place: Partial<TrainingPosition>) => {
    position = place;
  };
  return { fit, moveTo };
}

async function trainEpoch(callback: Callback, epoch: number, record = someRecord(epoch)): Promise<void> {
  for (let i = 1; i <= 4; i++) await callback.onTrainBatchEnd?.(someStep(4 * (epoch - 1) + i));
  await callback.onTrainEpochEnd?.(record, evaluation);
}

function onlyRun(): StandInRun & { id: string } {
  const [[id, run] = [], ...more] = [...server.runs];
  if (id === undefined || run === undefined || more.length > 0) throw new Error(`there are ${server.runs.size} runs`);
  return { id, ...run };
}

const curve = (key: string) =>
  onlyRun()
    .metrics.filter((metric) => metric.key === key)
    .map(({ step, value }) => [step, value]);

describe("mlflowLogger", () => {
  it("logs a training: parameters, curves, artifacts, and its end", async () => {
    mkdirSync(join(folder, "checkpoints"));
    writeFileSync(join(folder, "recipe.yaml"), "epochs: 3\n");
    writeFileSync(join(folder, "checkpoints/best"), "weights");
    const recipe = {
      version: 3,
      classes: ["a", "b"],
      optimizer: { name: "sgd", lr: 0.1 },
      transforms: { train: [{ name: "flip" }] },
    };
    const artifacts = { folder, files: ["recipe.yaml", "checkpoints/best", "not-there.png"] };
    const callback = logger({ experiment: "nuclei", runName: "first", tags: { note: "a test" }, recipe, artifacts });
    const { fit, moveTo } = movingFit();
    await callback.onFitStart?.(fit);
    expect(onlyRun().status).toBe("RUNNING");
    await trainEpoch(callback, 1);
    await trainEpoch(callback, 2, someRecord(2, { average: someScores({ macroF1: 0.25 }) }));
    await trainEpoch(
      callback,
      3,
      someRecord(3, { validation: someScores({ rocAuc: Number.NaN, loss: Number.POSITIVE_INFINITY }) }),
    );
    moveTo({ epoch: 3 });
    await callback.onFitEnd?.([1, 2, 3].map((epoch) => someRecord(epoch)));

    const run = onlyRun();
    expect(server.experiments.get(run.experiment)?.name).toBe("nuclei");
    expect([run.name, run.status]).toEqual(["first", "FINISHED"]);
    expect(Object.fromEntries(run.tags)).toMatchObject({
      note: "a test",
      "mlflow.runName": "first",
      "mlflow.source.name": "fovea",
      "mlflow.source.type": "LOCAL",
    });
    expect(Object.fromEntries(run.params)).toEqual({
      classes: "2",
      "optimizer.name": "sgd",
      "optimizer.lr": "0.1",
      "transforms.train": '[{"name":"flip"}]',
    });
    expect(curve("train/loss_step")).toEqual([2, 4, 6, 8, 10, 12].map((step) => [step, 1 / step]));
    expect(curve("learning_rate")).toHaveLength(6);
    expect(curve("epoch")).toEqual([
      [4, 1],
      [8, 2],
      [12, 3],
    ]);
    expect(curve("train/loss")).toEqual([
      [4, 0.6],
      [8, 0.3],
      [12, 0.6 / 3],
    ]);
    expect(curve("validation/loss")).toEqual([
      [4, 0.5],
      [8, 0.25],
      [12, Number.POSITIVE_INFINITY],
    ]);
    // An area that is undefined has no point.
    expect(curve("validation/roc_auc")).toEqual([
      [4, 0.9],
      [8, 0.9],
    ]);
    expect(curve("average/macro_f1")).toEqual([[8, 0.25]]);
    expect([...server.artifacts].map(([path, content]) => [path, content.toString()])).toEqual([
      [`${run.experiment}/${run.id}/artifacts/recipe.yaml`, "epochs: 3\n"],
      [`${run.experiment}/${run.id}/artifacts/checkpoints/best`, "weights"],
    ]);
    expect(warnings).toEqual([]);
    // Training does not make a request for every point.
    expect(server.requests.filter((path) => path.endsWith("log-batch")).length).toBeLessThanOrEqual(4);
  });

  it.each([
    ["FINISHED", { epoch: 1, stopped: "it did not get better" }],
    ["KILLED", { epoch: 1, batch: 2 }],
    ["KILLED", { epoch: 2 }],
  ])("ends as %s at %o", async (status, position) => {
    writeFileSync(join(folder, "a"), "a");
    const callback = logger({ artifacts: { folder, files: ["a"] } });
    const { fit, moveTo } = movingFit();
    await callback.onFitStart?.(fit);
    moveTo(position);
    await callback.onFitEnd?.([]);
    expect(onlyRun().status).toBe(status);
    expect(server.artifacts.size).toBe(status === "FINISHED" ? 1 : 0);
  });

  it("ends as FAILED after an error, with what was logged before", async () => {
    const callback = logger();
    await callback.onFitStart?.(someFit());
    await trainEpoch(callback, 1);
    await callback.onException?.(new Error("diverged"));
    expect(onlyRun().status).toBe("FAILED");
    expect(curve("epoch")).toEqual([[4, 1]]);
  });

  it("goes on with its run", async () => {
    const first = logger({ recipe: { epochs: 3 } });
    await first.onFitStart?.(someFit());
    await trainEpoch(first, 1);
    const state: unknown = JSON.parse(JSON.stringify(first.state?.()));
    await first.onFitEnd?.([someRecord(1)]);
    expect(onlyRun().status).toBe("KILLED");

    // A parameter cannot be changed, and is not.
    const second = logger({ recipe: { epochs: 4 } });
    second.loadState?.(state);
    const { fit, moveTo } = movingFit({ epoch: 1, records: [someRecord(1)] });
    await second.onFitStart?.(fit);
    expect(onlyRun().status).toBe("RUNNING");
    expect(second.state?.()).toEqual(state);
    await trainEpoch(second, 2);
    moveTo({ epoch: 3 });
    await second.onFitEnd?.([]);
    expect(onlyRun()).toMatchObject({ status: "FINISHED", params: new Map([["epochs", "3"]]) });
    expect(curve("epoch")).toEqual([
      [4, 1],
      [8, 2],
    ]);
    expect(warnings).toEqual([]);
  });

  it("makes a new run where its own was deleted", async () => {
    const callback = logger();
    callback.loadState?.({ runId: "f".repeat(32) });
    await callback.onFitStart?.(someFit({ epoch: 1 }));
    expect(onlyRun().status).toBe("RUNNING");
    expect(warnings).toEqual([expect.stringMatching(/has no run f+ any more; a new one is made/)]);
    await callback.onException?.(new Error());
  });
});

describe("a server in trouble", () => {
  it("that is not there at the start is an early error", async () => {
    const { url } = server;
    await server.close();
    const callback = mlflowLogger(url);
    await expect(callback.onFitStart?.(someFit())).rejects.toThrow(`MLflow's server at ${url} did not answer`);
    await callback.onException?.(new Error());
  });

  it("at the start leaves no run that seems to be running", async () => {
    server.trouble = (path) => (path.endsWith("log-batch") ? "error" : undefined);
    const callback = logger({ recipe: { lr: 1 } });
    await expect(callback.onFitStart?.(someFit())).rejects.toThrow(/HTTP 500, INTERNAL_ERROR: the database is locked/);
    await callback.onException?.(new Error());
    expect(onlyRun().status).toBe("FAILED");
  });

  it.each(["error", "gateway", "drop"] as const)(
    "(%s) for a while loses nothing, and is told of once",
    async (kind) => {
      const callback = logger();
      const { fit, moveTo } = movingFit();
      await callback.onFitStart?.(fit);
      let failures = 0;
      server.trouble = () => (failures++ < 3 ? kind : undefined);
      for (const epoch of [1, 2, 3]) await trainEpoch(callback, epoch);
      moveTo({ epoch: 3 });
      await callback.onFitEnd?.([]);
      expect(failures).toBeGreaterThan(3);
      expect(curve("epoch")).toEqual([
        [4, 1],
        [8, 2],
        [12, 3],
      ]);
      expect(curve("train/loss_step").map(([step]) => step)).toEqual([2, 4, 6, 8, 10, 12]);
      expect(onlyRun().status).toBe("FINISHED");
      expect(warnings).toEqual([
        expect.stringMatching(/MLflow's server at .*; training goes on, and it is tried again$/),
      ]);
    },
  );

  it("for good neither ends the training nor holds it up, and what is lost is told", async () => {
    writeFileSync(join(folder, "a"), "a");
    const callback = logger({ patience: 0.2, artifacts: { folder, files: ["a"] } });
    const { fit, moveTo } = movingFit();
    await callback.onFitStart?.(fit);
    const { id } = onlyRun();
    await server.close();
    const start = performance.now();
    await trainEpoch(callback, 1);
    expect(performance.now() - start).toBeLessThan(500);
    moveTo({ epoch: 3 });
    await callback.onFitEnd?.([]);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(warnings.at(-1)).toMatch(new RegExp(`^MLflow's run ${id} at .* lacks \\d+ values, its end, FINISHED \\(`));
    expect(warnings.length).toBeLessThanOrEqual(2);
  });

  it("that refuses values is told of, and the rest is logged", async () => {
    const callback = logger();
    const { fit, moveTo } = movingFit();
    await callback.onFitStart?.(fit);
    const { id } = onlyRun();
    const run = server.runs.get(id);
    if (run) run.deleted = true;
    await callback.onTrainBatchEnd?.(someStep(2));
    await expect.poll(() => warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/must be in the 'active' state\.\); training goes on without these values$/);
    if (run) run.deleted = false;
    await trainEpoch(callback, 1);
    moveTo({ epoch: 3 });
    await callback.onFitEnd?.([]);
    expect(curve("epoch")).toEqual([[4, 1]]);
    expect(warnings.slice(1)).toEqual([expect.stringMatching(/lacks 2 values$/)]);
  });

  it("whose artifacts lie elsewhere is told of", async () => {
    await using other = await serveMlflow({ artifactRoot: "s3://bucket/" });
    writeFileSync(join(folder, "a"), "a");
    const artifacts = { folder, files: ["a"] };
    const callback = mlflowLogger(other.url, { artifacts, onWarning: (message) => warnings.push(message) });
    const { fit, moveTo } = movingFit();
    await callback.onFitStart?.(fit);
    moveTo({ epoch: 3 });
    await callback.onFitEnd?.([]);
    expect([...other.runs.values()].map(({ status }) => status)).toEqual(["FINISHED"]);
    expect(warnings).toEqual([expect.stringMatching(/lacks its files, since they belong to s3:\/\/bucket\/0\//)]);
  });

  it("is not asked where the address is none", () => {
    expect(() => mlflowLogger("sqlite:///mlflow.db")).toThrow(ArgumentError);
    expect(() => mlflowLogger("http://127.0.0.1:1", { everySteps: 1.5 })).toThrow(ArgumentError);
  });
});
