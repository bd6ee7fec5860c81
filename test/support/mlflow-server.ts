import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { type FileServer, serve } from "./file-server.js";

/**
 * What a request may meet in place of an answer: an error of MLflow's, a proxy's page, a cut connection, or silence.
 */
export type Trouble = "error" | "gateway" | "drop" | "silence";

export interface StandInRun {
  readonly experiment: string;
  readonly name: string | undefined;
  readonly started: number;
  status: string;
  ended: number | undefined;
  deleted: boolean;
  readonly tags: Map<string, string>;
  readonly params: Map<string, string>;
  readonly metrics: { key: string; value: number; timestamp: number; step: number }[];
}

/**
 * A tracking server as far as its REST API 2.0 is used, in memory. It takes nothing that is not in the API's tables.
 */
export interface StandIn extends AsyncDisposable {
  readonly url: string;
  readonly runs: ReadonlyMap<string, StandInRun>;
  /** By id. */
  readonly experiments: Map<string, { name: string; stage: string }>;
  /** By path beneath `mlflow-artifacts/artifacts`. */
  readonly artifacts: ReadonlyMap<string, Buffer>;
  /** The paths of all requests, oldest first. */
  readonly requests: string[];
  readonly authorizations: (string | undefined)[];
  /** Asked before each request is looked at. A request whose connection drops is done all the same. */
  trouble: (path: string) => Trouble | undefined;
  close(): Promise<void>;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const invalid = (message: string) => new Refusal(400, "INVALID_PARAMETER_VALUE", message);
const missing = (message: string) => new Refusal(404, "RESOURCE_DOES_NOT_EXIST", message);

const key = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[/\w.\- ]+$/);
const int64 = z.int().min(0);
const tags = z.array(z.strictObject({ key, value: z.string().max(5000) })).max(100);
const createExperiment = z.strictObject({ name: z.string().min(1) });
const createRun = z.strictObject({
  experiment_id: z.string(),
  run_name: z.string().min(1).optional(),
  start_time: int64,
  tags,
});
const updateRun = z.strictObject({
  run_id: z.string(),
  status: z.enum(["RUNNING", "FINISHED", "FAILED", "KILLED"]),
  end_time: int64.optional(),
});
const logBatch = z.strictObject({
  run_id: z.string(),
  metrics: z
    .array(
      z.strictObject({
        key,
        value: z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]),
        timestamp: int64,
        step: int64,
      }),
    )
    .max(1000)
    .default([]),
  params: z
    .array(z.strictObject({ key, value: z.string().max(500) }))
    .max(100)
    .default([]),
});

/** @param options.artifactRoot of runs; default `mlflow-artifacts:/`, which the server passes on */
export async function serveMlflow(options: { artifactRoot?: string; prefix?: string } = {}): Promise<StandIn> {
  const { artifactRoot = "mlflow-artifacts:/", prefix = "" } = options;
  const runs = new Map<string, StandInRun>();
  const experiments = new Map([["0", { name: "Default", stage: "active" }]]);
  const artifacts = new Map<string, Buffer>();
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];

  const runOf = (id: string): StandInRun => {
    const run = runs.get(id);
    if (!run) throw missing(`Run '${id}' not found`);
    return run;
  };
  const activeRun = (id: string): StandInRun => {
    const run = runOf(id);
    if (run.deleted) throw invalid(`The run ${id} must be in the 'active' state.`);
    return run;
  };
  const infoOf = (id: string, run: StandInRun) => ({
    run_id: id,
    run_uuid: id,
    run_name: run.name,
    experiment_id: run.experiment,
    status: run.status,
    start_time: run.started,
    artifact_uri: `${artifactRoot}${run.experiment}/${id}/artifacts`,
    lifecycle_stage: run.deleted ? "deleted" : "active",
  });

  const posts: Record<string, (body: unknown) => unknown> = {
    "experiments/create": (body) => {
      const { name } = parse(createExperiment, body);
      if ([...experiments.values()].some((experiment) => experiment.name === name)) {
        throw new Refusal(400, "RESOURCE_ALREADY_EXISTS", `Experiment '${name}' already exists.`);
      }
      const id = String(experiments.size);
      experiments.set(id, { name, stage: "active" });
      return { experiment_id: id };
    },
    "runs/create": (body) => {
      const request = parse(createRun, body);
      if (experiments.get(request.experiment_id)?.stage !== "active") throw missing("No such experiment");
      const all = new Map(request.tags.map((tag) => [tag.key, tag.value]));
      if (request.run_name !== all.get("mlflow.runName")) throw invalid("both names of the run must be the same");
      const id = randomBytes(16).toString("hex");
      const run: StandInRun = {
        experiment: request.experiment_id,
        name: request.run_name,
        started: request.start_time,
        status: "RUNNING",
        ended: undefined,
        deleted: false,
        tags: all,
        params: new Map(),
        metrics: [],
      };
      runs.set(id, run);
      return { run: { info: infoOf(id, run), data: {} } };
    },
    "runs/update": (body) => {
      const { run_id: id, status, end_time: ended } = parse(updateRun, body);
      const run = activeRun(id);
      if ((status === "RUNNING") === (ended !== undefined)) throw invalid(`${status} with end_time ${ended}`);
      Object.assign(run, { status, ended });
      return { run_info: infoOf(id, run) };
    },
    "runs/log-batch": (body) => {
      const { run_id: id, metrics, params } = parse(logBatch, body);
      const run = activeRun(id);
      if (run.status !== "RUNNING") throw invalid(`The run ${id} is ${run.status}`);
      if (metrics.length + params.length === 0) throw invalid("nothing to log");
      if (new Set(params.map((param) => param.key)).size < params.length) throw invalid("Duplicate parameter keys");
      for (const param of params) {
        const before = run.params.get(param.key);
        if (before !== undefined && before !== param.value) throw invalid(`Changing param ${param.key} is not allowed`);
        run.params.set(param.key, param.value);
      }
      for (const metric of metrics) {
        const same = (other: typeof metric) =>
          (["key", "value", "timestamp", "step"] as const).every((field) => Object.is(metric[field], other[field]));
        if (!run.metrics.some(same)) run.metrics.push(metric);
      }
      return {};
    },
  };
  const gets: Record<string, (query: URLSearchParams) => unknown> = {
    "experiments/get-by-name": (query) => {
      const name = query.get("experiment_name");
      const [id, experiment] = [...experiments].find(([, other]) => other.name === name) ?? [];
      if (!experiment) throw missing(`Could not find experiment with name '${name}'`);
      return { experiment: { experiment_id: id, name, lifecycle_stage: experiment.stage } };
    },
    "runs/get": (query) => {
      const id = query.get("run_id") ?? "";
      return { run: { info: infoOf(id, runOf(id)), data: {} } };
    },
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    requests.push(pathname);
    authorizations.push(request.headers.authorization);
    const trouble = standIn.trouble(pathname);
    if (trouble === "silence") return;
    if (trouble === "gateway")
      return void response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    const body = await bodyOf(request);
    const result = () => {
      if (trouble === "error") throw new Refusal(500, "INTERNAL_ERROR", "the database is locked");
      const api = `${prefix}/api/2.0/`;
      if (!pathname.startsWith(api)) throw new Refusal(404, "ENDPOINT_NOT_FOUND", pathname);
      const path = pathname.slice(api.length);
      if (request.method === "PUT" && path.startsWith("mlflow-artifacts/artifacts/")) {
        if (Number(request.headers["content-length"]) !== body.length) throw invalid("no content-length");
        artifacts.set(decodeURIComponent(path.slice("mlflow-artifacts/artifacts/".length)), body);
        return {};
      }
      const name = path.replace(/^mlflow\//, "");
      if (request.method === "GET" && gets[name]) return gets[name](searchParams);
      if (request.method !== "POST" || !posts[name])
        throw new Refusal(404, "ENDPOINT_NOT_FOUND", `${request.method} ${path}`);
      if (request.headers["content-type"] !== "application/json") throw invalid("not application/json");
      if (body.length > 1e6) throw invalid(`requests must be at most 1000000 bytes, got ${body.length}`);
      return posts[name](JSON.parse(body.toString("utf8")));
    };
    let status = 200;
    let said: unknown;
    try {
      said = result();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      said = { error_code: error.code, message: error.message };
    }
    // Cut after it was done: the client cannot know.
    if (trouble === "drop") response.destroy();
    else response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(said));
  };

  const server: FileServer = await serve((request, response) => void answer(request, response));
  const { close } = server;
  const standIn: StandIn = {
    url: `${server.url.slice(0, -1)}${prefix}`,
    runs,
    experiments,
    artifacts,
    requests,
    authorizations,
    trouble: () => undefined,
    close,
    [Symbol.asyncDispose]: close,
  };
  return standIn;
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}
