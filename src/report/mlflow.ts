import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { z } from "zod";
import { ArgumentError, FileError, FoveaError, messageOf } from "../errors.js";

/**
 * How the credentials of a tracking server are given; with both, the name and the password count, as for MLflow's own
 * client.
 */
export interface MlflowCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly token?: string;
}

/** A point of a curve. */
export interface MlflowMetric {
  readonly key: string;
  /** Not NaN. */
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export interface MlflowRun {
  readonly id: string;
  /** Where its files are kept. */
  readonly artifactUri: string;
}

/** How a run ended. */
export type MlflowStatus = "FINISHED" | "FAILED" | "KILLED";

/** What MLflow takes in a request, and how long a parameter may be: old servers take 500 characters, new ones 6000. */
export const mostMetrics = 1000;
const mostParameters = 100;
const longestParameter = 500;

/** Seconds that an answer may take. */
const patience = 20;
/** Bytes a second that an upload makes at least. */
const slowestUpload = 100_000;

const addressHint = "Give the address under which its pages are shown, e.g. http://127.0.0.1:5000.";

/** What a tracking server did not do, or did not answer. Its code is `MLFLOW`. */
export class MlflowError extends FoveaError {
  /** It may work another time: there was no answer, or one that says nothing about the request. */
  readonly transient: boolean;
  /** MLflow's own name of the error, e.g. `RESOURCE_DOES_NOT_EXIST`. */
  readonly reason: string | undefined;

  constructor(
    message: string,
    options: { transient: boolean; reason?: string | undefined; hint?: string | undefined; cause?: unknown },
  ) {
    const { hint, cause } = options;
    super("MLFLOW", message, { ...(hint !== undefined && { hint }), ...(cause !== undefined && { cause }) });
    this.transient = options.transient;
    this.reason = options.reason;
  }
}

type Request = Omit<RequestInit, "headers" | "signal"> & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly duplex?: "half";
};

const experimentSchema = z.object({
  experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string().optional() }),
});
const createdSchema = z.object({ experiment_id: z.string() });
const runSchema = z.object({
  run: z.object({
    info: z.object({ run_id: z.string(), artifact_uri: z.string(), lifecycle_stage: z.string().optional() }),
  }),
});
const failureSchema = z.object({ error_code: z.string(), message: z.string().default("") });

/**
 * A tracking server of MLflow, by its REST API 2.0 (https://mlflow.org/docs/latest/rest-api.html). Every method throws
 * {@link MlflowError} when the server refuses, or does not answer in 20 seconds.
 */
export class MlflowClient {
  /** The server's address, without what belongs into nobody's log. */
  readonly server: string;
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param trackingUri `http://…` or `https://…`, perhaps with a path; a name and a password in it are its credentials
   * @param credentials default: those in `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or in
   *   `MLFLOW_TRACKING_TOKEN`
   * @throws ArgumentError for any other address
   */
  constructor(trackingUri: string, credentials: MlflowCredentials = credentialsOf(process.env)) {
    const url = serverUrl(trackingUri);
    this.server = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
    const own = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
    this.#headers = authorization(url.username === "" ? credentials : own);
  }

  /** The id of the experiment of that name, which is made where there is none. */
  async experiment(name: string): Promise<string> {
    const known = await this.#findExperiment(name);
    if (known !== undefined) return known;
    try {
      return (await this.#post("experiments/create", { name }, createdSchema)).experiment_id;
    } catch (error) {
      // Somebody else has made it meanwhile.
      const other = isReason(error, "RESOURCE_ALREADY_EXISTS") ? await this.#findExperiment(name) : undefined;
      if (other === undefined) throw error;
      return other;
    }
  }

  /** A new run, which is running. */
  async createRun(
    experiment: string,
    options: { readonly name?: string | undefined; readonly tags?: Readonly<Record<string, string>> } = {},
  ): Promise<MlflowRun> {
    const { name, tags = {} } = options;
    const all = { ...tags, ...(name !== undefined && { "mlflow.runName": name }) };
    const { run } = await this.#post(
      "runs/create",
      {
        experiment_id: experiment,
        start_time: Date.now(),
        ...(name !== undefined && { run_name: name }),
        tags: Object.entries(all).map(([key, value]) => ({ key, value })),
      },
      runSchema,
    );
    return { id: run.info.run_id, artifactUri: run.info.artifact_uri };
  }

  /** A run that goes on: it is running again. Undefined when there is none with that id, or it was deleted. */
  async resumeRun(id: string): Promise<MlflowRun | undefined> {
    const query = new URLSearchParams({ run_id: id });
    const found = await this.#get(`runs/get?${query}`, runSchema);
    if (found === undefined || found.run.info.lifecycle_stage === "deleted") return undefined;
    await this.#post("runs/update", { run_id: id, status: "RUNNING" }, z.object({}));
    return { id, artifactUri: found.run.info.artifact_uri };
  }

  async endRun(id: string, status: MlflowStatus): Promise<void> {
    await this.#post("runs/update", { run_id: id, status, end_time: Date.now() }, z.object({}));
  }

  /**
   * What a run is made with, which cannot be changed later. Values are cut to 500 characters, and characters of names
   * that MLflow does not take become `_`.
   */
  async logParameters(id: string, parameters: Readonly<Record<string, string | number | boolean>>): Promise<void> {
    const all = Object.entries(parameters).map(([name, value]) => {
      const text = String(value);
      const cut = text.length > longestParameter ? `${text.slice(0, longestParameter - 1)}…` : text;
      return { key: name.replace(/[^\w./ -]/g, "_").slice(0, 250), value: cut };
    });
    for (let i = 0; i < all.length; i += mostParameters) {
      const params = all.slice(i, i + mostParameters);
      await this.#post("runs/log-batch", { run_id: id, params }, z.object({}));
    }
  }

  /** @param metrics at most 1000; the same may be sent again without harm */
  async logMetrics(id: string, metrics: readonly MlflowMetric[], signal?: AbortSignal): Promise<void> {
    // As protocol buffers write in JSON what it has no numbers for.
    const written = metrics.map((metric) => ({
      ...metric,
      value: Number.isFinite(metric.value) ? metric.value : String(metric.value),
    }));
    await this.#post("runs/log-batch", { run_id: id, metrics: written }, z.object({}), signal);
  }

  /** Whether the server itself takes a run's files; else they go to a store that only MLflow's own client writes to. */
  takesArtifacts(run: MlflowRun): boolean {
    return this.#artifactPath(run) !== undefined;
  }

  /**
   * Uploads a file.
   *
   * @param path among the run's artifacts, with slashes
   * @throws FileError when it cannot be read; MlflowError also when the server does not take the run's files
   */
  async uploadArtifact(run: MlflowRun, path: string, file: string): Promise<void> {
    const folder = this.#artifactPath(run);
    if (folder === undefined) {
      throw new MlflowError(
        `MLflow keeps the artifacts of run ${run.id} at ${run.artifactUri}, which it does not proxy`,
        {
          transient: false,
          hint: "Start the server with --serve-artifacts, or upload them with MLflow's own client.",
        },
      );
    }
    const { size } = await stat(file).catch((cause) => {
      throw new FileError(file, `could not be read (${messageOf(cause)})`, { cause });
    });
    const place = [...folder.split("/"), ...path.split("/")].map(encodeURIComponent).join("/");
    await this.#fetch(`mlflow-artifacts/artifacts/${place}`, patience + size / slowestUpload, {
      method: "PUT",
      headers: { "content-type": "application/octet-stream", "content-length": String(size) },
      body: Readable.toWeb(createReadStream(file)),
      duplex: "half",
    });
  }

  /** Undefined where the server does not pass the run's files on. */
  #artifactPath({ artifactUri }: MlflowRun): string | undefined {
    if (!URL.canParse(artifactUri)) return undefined;
    const { protocol, host, pathname } = new URL(artifactUri);
    if (protocol !== "mlflow-artifacts:" || (host !== "" && host !== new URL(this.server).host)) return undefined;
    return decodeURIComponent(pathname).replace(/^\/+|\/+$/g, "");
  }

  async #findExperiment(name: string): Promise<string | undefined> {
    const query = new URLSearchParams({ experiment_name: name });
    const found = await this.#get(`experiments/get-by-name?${query}`, experimentSchema);
    if (found?.experiment.lifecycle_stage === "deleted") {
      throw new MlflowError(`MLflow's experiment "${name}" was deleted`, {
        transient: false,
        hint: `Choose another name, or restore it: mlflow experiments restore -x ${found.experiment.experiment_id}`,
      });
    }
    return found?.experiment.experiment_id;
  }

  /** Undefined for what does not exist. */
  async #get<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      return this.#parse(await this.#fetch(`mlflow/${path}`, patience, {}), schema);
    } catch (error) {
      if (isReason(error, "RESOURCE_DOES_NOT_EXIST")) return undefined;
      throw error;
    }
  }

  async #post<T>(path: string, body: unknown, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T> {
    const text = await this.#fetch(`mlflow/${path}`, patience, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
    return this.#parse(text, schema);
  }

  /** The text of the answer. */
  async #fetch(path: string, seconds: number, { signal, headers, ...init }: Request): Promise<string> {
    // By hand: signals that AbortSignal.any makes of one that lives long are kept as long in Node 20.
    const stop = new AbortController();
    const giveUp = () => stop.abort();
    const timer = setTimeout(giveUp, 1000 * seconds);
    signal?.addEventListener("abort", giveUp);
    let response: Response;
    let text: string;
    try {
      const url = `${this.server}/api/2.0/${path}`;
      response = await fetch(url, { ...init, headers: { ...this.#headers, ...headers }, signal: stop.signal });
      text = await response.text();
    } catch (cause) {
      const why = stop.signal.aborted ? `nothing came in ${Math.round(seconds)} s` : causeOf(cause);
      throw new MlflowError(`MLflow's server at ${this.server} did not answer (${why})`, {
        transient: true,
        hint: "Is it running, and is this its address? `mlflow server` starts one.",
        cause,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
    if (!response.ok) throw this.#refusal(response, text);
    return text;
  }

  #refusal({ status }: Response, text: string): MlflowError {
    const said = failureSchema.safeParse(json(text)).data;
    const forbidden = status === 401 || status === 403;
    const told = said ? `, ${said.error_code}: ${said.message}` : "";
    return new MlflowError(`MLflow's server at ${this.server} refused (HTTP ${status}${told})`, {
      // Without MLflow's own word for it, it is a proxy's answer, behind which the server may be back soon.
      transient: said === undefined || forbidden || status === 429 || status >= 500,
      reason: said?.error_code,
      hint: forbidden
        ? "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        : said === undefined
          ? addressHint
          : undefined,
    });
  }

  #parse<T>(text: string, schema: z.ZodType<T>): T {
    const parsed = schema.safeParse(json(text));
    if (parsed.success) return parsed.data;
    throw new MlflowError(`What answers at ${this.server} is not MLflow's server`, {
      transient: true,
      hint: addressHint,
    });
  }
}

function serverUrl(trackingUri: string): URL {
  const url = URL.canParse(trackingUri) ? new URL(trackingUri) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  // Of a database's address only the beginning is told: it may hold a password.
  const given = url === undefined ? `"${trackingUri}"` : `one that begins with "${url.protocol}"`;
  throw new ArgumentError(
    `MLflow's tracking URI must begin with http:// or https://, not be ${given}`,
    "Folders and databases are MLflow's own: start a server on them with `mlflow server`, and give its address.",
  );
}

function credentialsOf(environment: NodeJS.ProcessEnv): MlflowCredentials {
  const { MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN } = environment;
  return {
    ...(MLFLOW_TRACKING_USERNAME && { username: MLFLOW_TRACKING_USERNAME }),
    ...(MLFLOW_TRACKING_PASSWORD && { password: MLFLOW_TRACKING_PASSWORD }),
    ...(MLFLOW_TRACKING_TOKEN && { token: MLFLOW_TRACKING_TOKEN }),
  };
}

function authorization({ username, password, token }: MlflowCredentials): Record<string, string> {
  if (username !== undefined && password !== undefined) {
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  }
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function isReason(error: unknown, reason: string): boolean {
  return error instanceof MlflowError && error.reason === reason;
}

/** Undefined for what is none. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Of "fetch failed" the cause tells more; where a name has several addresses, its message is empty. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error && cause.message === "" && "code" in cause) return String(cause.code);
  return messageOf(cause);
}
