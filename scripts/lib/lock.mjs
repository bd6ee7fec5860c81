import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { inRoot } from "./paths.mjs";
import { exitCode, stopRunning } from "./run.mjs";

const LOCK = inRoot("build", "setup.lock");

/**
 * Runs `action` while holding `build/setup.lock`, so that two set-ups at once take turns. The lock names its process;
 * one left behind by a process that is gone is taken over.
 */
export async function withLock(report, action) {
  await acquire(report);
  const release = () => {
    if (readOwner(LOCK)?.pid === process.pid) rmSync(LOCK, { force: true });
  };
  const interrupted = (signal) => {
    stopRunning(signal);
    release();
    process.exit(exitCode(null, signal));
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, interrupted);
  try {
    return await action();
  } finally {
    for (const signal of signals) process.off(signal, interrupted);
    release();
  }
}

async function acquire(report) {
  mkdirSync(inRoot("build"), { recursive: true });
  const mine = `${LOCK}.${process.pid}`;
  let told = false;
  try {
    while (!claim(mine)) {
      const owner = readOwner(LOCK);
      if (owner !== undefined && isAlive(owner)) {
        if (!told) report.step(`waiting for another set-up (process ${owner.pid}) to finish`);
        told = true;
        await sleep(200);
      } else {
        removeStale();
      }
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** A hard link appears with its content in one step, so nobody ever reads a lock that does not name its owner yet. */
function claim(mine) {
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
  try {
    linkSync(mine, LOCK);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** Of several that find the same stale lock, one moves it away; whoever moved a living one puts it back. */
function removeStale() {
  const aside = `${LOCK}.${process.pid}.stale`;
  try {
    renameSync(LOCK, aside);
    const owner = readOwner(aside);
    if (owner !== undefined && isAlive(owner)) linkSync(aside, LOCK);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readOwner(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists and belongs to someone else
    if (error.code !== "EPERM") return false;
  }
  return startOf(pid) === started;
}

/** When a process started, in kernel ticks: tells it from a later one with the same number. Empty outside Linux. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return "";
  }
}
