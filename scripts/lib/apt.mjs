import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { SetupError, since } from "./report.mjs";
import { output, run } from "./run.mjs";

const LISTS = "/var/lib/apt/lists";
const DAY_MS = 24 * 3600 * 1000;

/** Whether this system installs packages with apt (Debian, Ubuntu and their relatives). */
export function hasApt() {
  return output("apt-get", ["--version"]) !== undefined;
}

/** The upstream version (`1.13.1` of `1.13.1+dfsg-4`) of an installed package, or undefined. */
export function installedVersion(name) {
  const answer = output("dpkg-query", ["-W", `-f=\${db:Status-Status} \${Version}`, name]);
  return answer?.match(/^installed (?:\d+:)?(\d+(?:\.\d+)*)/)?.[1];
}

/**
 * Installs packages: as root directly, else through sudo, which may ask for a password on a terminal only.
 * Package lists that are missing or older than a day are fetched first, others when the installation fails with them.
 * `otherwise` is what else the user can do when it fails.
 */
export async function aptInstall(report, packages, why, otherwise = "") {
  const prefix = privilege();
  const byHand = `sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`;
  if (prefix === undefined) {
    throw new SetupError(
      `Missing: ${packages.join(", ")} (${why}). Installing needs root, and sudo is not there or wants a password.`,
      `Run this (without sudo, as root), then start again:\n\n  ${byHand}${otherwise}`,
    );
  }
  const apt = (args, append) => {
    const [command, ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
    // a background upgrade may hold the lock for some minutes
    const wait = ["-o", "DPkg::Lock::Timeout=300"];
    return run("apt", command, [...rest, ...wait], { append, stdin: process.stdin.isTTY ? "inherit" : "ignore" });
  };
  const install = () => apt(["install", "-y", "--no-install-recommends", ...packages], true);

  const start = Date.now();
  report.step(`installing ${packages.join(", ")} by apt${prefix.length > 0 ? " with sudo" : ""}: ${why}`);
  try {
    let fetched = !listsAreFresh();
    if (fetched) await update(report, apt);
    try {
      await install();
    } catch (error) {
      if (fetched) throw error;
      fetched = true;
      await update(report, apt);
      await install();
    }
  } catch (error) {
    throw new SetupError(
      error.message,
      `Once that is solved, run this by hand and start again:\n\n  ${byHand}${otherwise}`,
    );
  }
  report.step(`installed in ${since(start)}`);
}

/** One unreachable source among several makes an update fail; what is needed may still be installable. */
async function update(report, apt) {
  try {
    await apt(["update"], false);
  } catch {
    report.step("apt-get update failed; trying with the package lists that are there");
  }
}

function privilege() {
  if (process.getuid?.() === 0) return [];
  if (process.stdin.isTTY) return output("sudo", ["-V"]) === undefined ? undefined : ["sudo"];
  return output("sudo", ["-n", "true"]) === undefined ? undefined : ["sudo", "-n"];
}

function listsAreFresh() {
  try {
    if (!readdirSync(LISTS).some((name) => /_Packages(\.\w+)?$/.test(name))) return false;
    const newest = Math.max(...[LISTS, join(LISTS, "partial")].map((path) => statSync(path).mtimeMs));
    return Date.now() - newest < DAY_MS;
  } catch {
    return false;
  }
}
