import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { usableCores } from "./cores.js";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A folder that holds these files: a machine as the system describes it. */
function machine(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "fovea-cores-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** Eight processors, 0 and 4, 1 and 5, … in one core each. */
const topology = Object.fromEntries(
  Array.from({ length: 8 }, (_, cpu) => [
    `sys/devices/system/cpu/cpu${cpu}/topology/core_cpus_list`,
    `${cpu % 4},${(cpu % 4) + 4}\n`,
  ]),
);
const status = (allowed: string) => ({
  "proc/self/status": `Name:\tnode\nCpus_allowed_list:\t${allowed}\nThreads:\t1\n`,
});

test.each([
  ["0-7", 4],
  ["0,4", 1],
  ["0-1,4,6", 3],
  ["3", 1],
])("processors %s of four cores with two threads each are %i cores", (allowed, cores) => {
  expect(usableCores(machine({ ...topology, ...status(allowed) }))).toBe(cores);
});

test("processors whose cores are not known count each", () => {
  expect(usableCores(machine(status("0-2")))).toBe(3);
});

test.each([
  ["200000 100000", 2],
  ["250000 100000", 2],
  ["50000 100000", 1],
  ["max 100000", 4],
  ["900000 100000", 4],
])("a container with cpu.max %s uses %i of four cores", (most, cores) => {
  const files = { ...topology, ...status("0-7"), "proc/self/cgroup": "0::/pod/one\n" };
  expect(usableCores(machine({ ...files, "sys/fs/cgroup/pod/one/cpu.max": `${most}\n` }))).toBe(cores);
  // a quota of the group around it counts as well, and so does that of a container that is its own root
  expect(usableCores(machine({ ...files, "sys/fs/cgroup/pod/cpu.max": `${most}\n` }))).toBe(cores);
  expect(usableCores(machine({ ...files, "sys/fs/cgroup/cpu.max": `${most}\n` }))).toBe(cores);
});

test.each(["cpu", "cpu,cpuacct"])("the first kind of control groups, mounted as %s, is read too", (folder) => {
  const group = (quota: string) => ({
    ...topology,
    ...status("0-7"),
    "proc/self/cgroup": "5:cpu,cpuacct:/pod\n4:memory:/\n",
    [`sys/fs/cgroup/${folder}/pod/cpu.cfs_quota_us`]: quota,
    [`sys/fs/cgroup/${folder}/pod/cpu.cfs_period_us`]: "100000\n",
  });
  expect(usableCores(machine(group("300000\n")))).toBe(3);
  expect(usableCores(machine(group("-1\n")))).toBe(4);
});

test("where nothing is said, and on this machine, they are at most what Node counts", () => {
  expect(usableCores(machine({}))).toBe(availableParallelism());
  expect(usableCores()).toBeGreaterThan(0);
  expect(usableCores()).toBeLessThanOrEqual(availableParallelism());
});
