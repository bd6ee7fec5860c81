import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { serve } from "../../test/support/file-server.js";
import { type StandIn, serveMlflow } from "../../test/support/mlflow-server.js";
import { ArgumentError, FileError } from "../errors.js";
import { MlflowClient, MlflowError } from "./mlflow.js";

let server: StandIn;
let folder = "";
beforeEach(async () => {
  for (const name of ["USERNAME", "PASSWORD", "TOKEN"]) vi.stubEnv(`MLFLOW_TRACKING_${name}`, undefined);
  server = await serveMlflow();
  folder = mkdtempSync(join(tmpdir(), "fovea-mlflow-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const point = (step: number, value = 0.5) => ({ key: "train/loss", value, timestamp: 1_700_000_000_000, step });

/** What a call was refused with. */
async function failureOf(call: Promise<unknown>): Promise<MlflowError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof MlflowError) return error;
  throw new Error("it was not refused", { cause: error });
}

describe("the address", () => {
  it.each([
    ["./mlruns", '"./mlruns"'],
    ["sqlite:///mlflow.db", '"sqlite:"'],
    ["file:///tmp/mlruns", '"file:"'],
  ])("%s is none of a server", (uri, told) => {
    expect(() => new MlflowClient(uri)).toThrow(ArgumentError);
    expect(() => new MlflowClient(uri)).toThrow(told);
  });

  it("is told without passwords", async () => {
    expect(() => new MlflowClient("postgresql://me:secret@host/db")).toThrow(/^(?!.*secret)/);
    const { host } = new URL(server.url);
    const client = new MlflowClient(`http://me:s%40cret@${host}/`);
    expect(client.server).toBe(`http://${host}`);
    await client.experiment("Default");
    expect(server.authorizations).toEqual([`Basic ${Buffer.from("me:s@cret").toString("base64")}`]);
  });

  it("may have a path", async () => {
    await using below = await serveMlflow({ prefix: "/tools/mlflow" });
    expect(await new MlflowClient(`${below.url}/`).experiment("Default")).toBe("0");
    expect(below.requests).toEqual(["/tools/mlflow/api/2.0/mlflow/experiments/get-by-name"]);
  });

  it("of nothing is an early error", async () => {
    // A port that was free a moment ago.
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
    const address = probe.address();
    const port = typeof address === "object" ? address?.port : undefined;
    await new Promise((resolve) => probe.close(resolve));
    const error = await failureOf(new MlflowClient(`http://127.0.0.1:${port}`).experiment("x"));
    expect(error.message).toMatch(/^MLflow's server at http:\/\/127\.0\.0\.1:\d+ did not answer \(.*ECONNREFUSED/);
    expect(error.hint).toContain("mlflow server");
    expect(error.transient).toBe(true);
  });

  it("of something else is told as that", async () => {
    await using other = await serve((_, response) => response.end("<html>a login page</html>"));
    const error = await failureOf(new MlflowClient(other.url).experiment("x"));
    expect(error.message).toMatch(/^What answers at http.* is not MLflow's server$/);
    await using proxy = await serve((_, response) => response.writeHead(404).end("<html>no such page</html>"));
    const refusal = await failureOf(new MlflowClient(proxy.url).experiment("x"));
    expect(refusal.message).toMatch(/refused \(HTTP 404\)$/);
    expect(refusal.hint).toContain("http://127.0.0.1:5000");
    expect(refusal.transient).toBe(true);
  });
});

describe("credentials", () => {
  it("are those of the environment, a name and password before a token", async () => {
    vi.stubEnv("MLFLOW_TRACKING_TOKEN", "t0ken");
    await new MlflowClient(server.url).experiment("Default");
    vi.stubEnv("MLFLOW_TRACKING_USERNAME", "me");
    await new MlflowClient(server.url).experiment("Default");
    vi.stubEnv("MLFLOW_TRACKING_PASSWORD", "pass:word");
    await new MlflowClient(server.url).experiment("Default");
    await new MlflowClient(server.url, {}).experiment("Default");
    const basic = `Basic ${Buffer.from("me:pass:word").toString("base64")}`;
    expect(server.authorizations).toEqual(["Bearer t0ken", "Bearer t0ken", basic, undefined]);
  });

  it("that are missing are told of", async () => {
    await using closed = await serve((_, response) => response.writeHead(401).end("You are not authenticated."));
    const error = await failureOf(new MlflowClient(closed.url).experiment("x"));
    expect(error.message).toMatch(/refused \(HTTP 401\)$/);
    expect(error.hint).toContain("MLFLOW_TRACKING_TOKEN");
  });
});

describe("an experiment", () => {
  it("is found, or made", async () => {
    const client = new MlflowClient(server.url);
    const name = "nuclei & 細胞 / 2";
    const id = await client.experiment(name);
    expect(server.experiments.get(id)).toEqual({ name, stage: "active" });
    expect(await client.experiment(name)).toBe(id);
    expect(server.experiments.size).toBe(2);
  });

  it("that somebody else makes meanwhile is taken", async () => {
    server.trouble = (path) => {
      if (path.endsWith("/create")) server.experiments.set("77", { name: "race", stage: "active" });
      return undefined;
    };
    expect(await new MlflowClient(server.url).experiment("race")).toBe("77");
  });

  it("that was deleted is an error", async () => {
    server.experiments.set("5", { name: "old", stage: "deleted" });
    const error = await failureOf(new MlflowClient(server.url).experiment("old"));
    expect(error.message).toContain('"old" was deleted');
    expect(error.hint).toContain("restore -x 5");
    expect(error.transient).toBe(false);
  });
});

describe("a run", () => {
  it("is made, told of and ended", async () => {
    const client = new MlflowClient(server.url);
    const run = await client.createRun("0", { name: "first", tags: { "mlflow.user": "me" } });
    expect(run.artifactUri).toBe(`mlflow-artifacts:/0/${run.id}/artifacts`);
    const kept = server.runs.get(run.id);
    expect(kept).toMatchObject({ name: "first", status: "RUNNING" });
    expect(Object.fromEntries(kept?.tags ?? [])).toEqual({ "mlflow.user": "me", "mlflow.runName": "first" });
    expect(Math.abs((kept?.started ?? 0) - Date.now())).toBeLessThan(60_000);

    await client.logMetrics(run.id, [point(1), point(2, Number.POSITIVE_INFINITY), point(3, Number.NEGATIVE_INFINITY)]);
    expect(kept?.metrics.map(({ step, value }) => [step, value])).toEqual([
      [1, 0.5],
      [2, Number.POSITIVE_INFINITY],
      [3, Number.NEGATIVE_INFINITY],
    ]);
    await client.endRun(run.id, "FINISHED");
    expect(kept?.status).toBe("FINISHED");
    expect(kept?.ended).toBeGreaterThanOrEqual(kept?.started ?? Number.NaN);
  });

  it("has as many parameters as one likes, cut to what every server takes", async () => {
    const client = new MlflowClient(server.url);
    const { id } = await client.createRun("0");
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`p.${i}`, i]));
    await client.logParameters(id, { ...many, long: "é".repeat(501), fits: "é".repeat(500), flag: false, "a:b": 1 });
    const params = server.runs.get(id)?.params;
    expect(params?.size).toBe(254);
    expect(params?.get("p.249")).toBe("249");
    expect(params?.get("long")).toBe(`${"é".repeat(499)}…`);
    expect(params?.get("fits")).toBe("é".repeat(500));
    expect(params?.get("flag")).toBe("false");
    expect(params?.get("a_b")).toBe("1");
    expect(server.requests.filter((path) => path.endsWith("log-batch"))).toHaveLength(3);
  });

  it("goes on, unless there is none any more", async () => {
    const client = new MlflowClient(server.url);
    const run = await client.createRun("0");
    await client.endRun(run.id, "KILLED");
    expect(await client.resumeRun(run.id)).toEqual(run);
    const kept = server.runs.get(run.id);
    expect(kept?.status).toBe("RUNNING");
    if (kept) kept.deleted = true;
    expect(await client.resumeRun(run.id)).toBeUndefined();
    expect(await client.resumeRun("f".repeat(32))).toBeUndefined();
  });

  it("tells what is worth another try", async () => {
    const client = new MlflowClient(server.url);
    const { id } = await client.createRun("0");
    const refused = await failureOf(client.logMetrics("f".repeat(32), [point(1)]));
    expect([refused.transient, refused.reason]).toEqual([false, "RESOURCE_DOES_NOT_EXIST"]);
    for (const trouble of ["error", "gateway", "drop"] as const) {
      server.trouble = () => trouble;
      expect((await failureOf(client.logMetrics(id, [point(1)]))).transient).toBe(true);
    }
    server.trouble = () => undefined;
    await client.logMetrics(id, [point(1)]);
    expect(server.runs.get(id)?.metrics).toHaveLength(1);
  });
});

describe("artifacts", () => {
  it("are uploaded through the server", async () => {
    const client = new MlflowClient(server.url);
    const run = await client.createRun("0");
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
    writeFileSync(join(folder, "weights"), bytes);
    writeFileSync(join(folder, "empty"), "");
    await client.uploadArtifact(run, "checkpoints/best & 1/weights", join(folder, "weights"));
    await client.uploadArtifact(run, "empty", join(folder, "empty"));
    expect([...server.artifacts.keys()]).toEqual([
      `0/${run.id}/artifacts/checkpoints/best & 1/weights`,
      `0/${run.id}/artifacts/empty`,
    ]);
    expect([...server.artifacts.values()].map((content) => content.length)).toEqual([300_000, 0]);
    const arrived = server.artifacts.get(`0/${run.id}/artifacts/checkpoints/best & 1/weights`);
    expect(arrived?.equals(bytes)).toBe(true);
    await expect(client.uploadArtifact(run, "x", join(folder, "missing"))).rejects.toThrow(FileError);
  });

  it.each(["s3://bucket/", "/srv/mlruns/", "mlflow-artifacts://elsewhere:5000/"])("at %s are not", async (root) => {
    await using other = await serveMlflow({ artifactRoot: root });
    const client = new MlflowClient(other.url);
    const run = await client.createRun("0");
    expect(client.takesArtifacts(run)).toBe(false);
    writeFileSync(join(folder, "a"), "a");
    expect((await failureOf(client.uploadArtifact(run, "a", join(folder, "a")))).hint).toContain("--serve-artifacts");
  });

  it("of the server's own address are", async () => {
    const { host } = new URL(server.url);
    const run = { id: "1", artifactUri: `mlflow-artifacts://${host}/a/b` };
    writeFileSync(join(folder, "c"), "c");
    await new MlflowClient(server.url).uploadArtifact(run, "c", join(folder, "c"));
    expect([...server.artifacts.keys()]).toEqual(["a/b/c"]);
  });
});
