import { defineConfig } from "vitest/config";

export default defineConfig({
  // Node 20 knows no `using`: it is compiled away, as tsc does for dist
  oxc: { target: "es2022" },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // the addon is loaded, and threads are set, per process
    pool: "forks",
    maxWorkers: 2,
    // Threads that wait by spinning take the cores from the other test files and from the commands that tests start.
    env: { OMP_WAIT_POLICY: "PASSIVE" },
    setupFiles: ["test/support/fast-check.ts"],
    globalSetup: ["test/support/cache.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
