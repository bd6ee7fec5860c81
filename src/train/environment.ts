import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";
import { z } from "zod";
import { writeFileAtomic } from "../files.js";
import { engineInfo } from "../tensor/torch/index.js";

const PackageFile = z.object({ version: z.string() });

/**
 * What a run was made with, by name: versions, the machine, and the threads and devices that computing has. Together with the
 * recipe it tells how far somebody else's numbers may differ.
 *
 * @throws EngineError with the code ENGINE_MISSING when the engine was not built
 */
export function environment(): Record<string, string> {
  const packageFile = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version, cpuCapability, threads, cuda } = engineInfo();
  return {
    fovea: PackageFile.parse(JSON.parse(packageFile)).version,
    node: process.versions.node,
    libtorch: version,
    os: `${type()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cpuCapability,
    cores: String(availableParallelism()),
    threads: String(threads),
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    devices: ["cpu", ...cuda.devices].join(", "),
  };
}

/** Writes {@link environment} as JSON. @throws FileError when it cannot be written; EngineError as {@link environment} */
export function writeEnvironment(path: string): void {
  writeFileAtomic(path, `${JSON.stringify(environment(), null, 2)}\n`);
}
