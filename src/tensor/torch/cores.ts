import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/**
 * The cores that this process may use: those of its affinity, the two threads of a core counted once, and no more than
 * the quota of its containers (control groups). A second thread in a core helps no kernel that keeps the core's arithmetic
 * busy, and threads beyond the quota are stopped while the others wait for them.
 *
 * @param root where `proc` and `sys` lie; another folder in tests
 */
export function usableCores(root = "/"): number {
  const allowed = parseList(/^Cpus_allowed_list:\s*(\S+)/m.exec(read(root, "proc/self/status"))?.[1] ?? "");
  const cores = new Set(
    allowed.map((cpu) => {
      const topology = `sys/devices/system/cpu/cpu${cpu}/topology`;
      return read(root, `${topology}/core_cpus_list`) || read(root, `${topology}/thread_siblings_list`) || String(cpu);
    }),
  );
  const count = cores.size || availableParallelism();
  return Math.max(1, Math.min(count, Math.floor(quota(root))));
}

/** `0-2,5` → 0, 1, 2, 5 */
function parseList(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!range) return [];
    const first = Number(range[1]);
    return Array.from({ length: Number(range[2] ?? first) - first + 1 }, (_, i) => first + i);
  });
}

/** The processors' time that the control groups around this process leave it, in processors. */
function quota(root: string): number {
  const quotas = [Number.POSITIVE_INFINITY];
  for (const line of read(root, "proc/self/cgroup").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const parts = path.split("/").filter((part) => part !== "");
    // From inside a container its own group may be the root.
    const groups = Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, i).join("/"));
    if (controllers === "") {
      for (const group of groups) {
        const [most, period] = read(root, join("sys/fs/cgroup", group, "cpu.max"))
          .split(" ")
          .map(Number);
        if (most && period) quotas.push(most / period);
      }
    } else if (controllers.split(",").includes("cpu")) {
      // Controllers that are mounted together have a folder of both names: `cpu,cpuacct`.
      for (const group of groups.flatMap((path) => [join("cpu", path), join(controllers, path)])) {
        const most = Number(read(root, join("sys/fs/cgroup", group, "cpu.cfs_quota_us")));
        const period = Number(read(root, join("sys/fs/cgroup", group, "cpu.cfs_period_us")));
        if (most > 0 && period > 0) quotas.push(most / period);
      }
    }
  }
  return Math.min(...quotas);
}

/** Empty where there is no such file. */
function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8").trim();
  } catch {
    return "";
  }
}
