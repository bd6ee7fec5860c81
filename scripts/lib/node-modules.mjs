import { basename, join } from "node:path";
import { inRoot } from "./paths.mjs";
import { SetupError, since } from "./report.mjs";
import { run } from "./run.mjs";
import { hashOf, read, writeAtomic } from "./stamp.mjs";

const STAMP = inRoot("node_modules", ".fovea-stamp");

/** Installs what package-lock.json lists, unless it is there. */
export async function ensureNodeModules(report) {
  const wanted = hashOf({ files: [inRoot("package-lock.json")], words: [process.platform, process.arch] });
  if (read(STAMP) === wanted || installedByHand()) {
    if (read(STAMP) !== wanted) writeAtomic(STAMP, wanted);
    report.done("node modules are up to date");
    return;
  }
  if (read(inRoot("package-lock.json")) === undefined) {
    throw new SetupError("package-lock.json is missing.", "Restore it: git checkout package-lock.json");
  }
  const why = read(STAMP) === undefined ? "not installed yet" : "package-lock.json has changed";
  const start = Date.now();
  report.step(`installing node modules: ${why}`);
  const [command, ...npm] = npmCommand();
  await run(
    "npm-ci",
    command,
    // No package here needs its install script (sharp and biome bring their binaries as optional packages), and a
    // script may download from anywhere: with --ignore-scripts only the registry is spoken to. The compiler and the
    // linter are development dependencies, so NODE_ENV=production must not drop them.
    [...npm, "ci", "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund"],
    { shown: "start", hint: "Is the npm registry reachable? Then start again." },
  );
  writeAtomic(STAMP, wanted);
  report.step(`node modules installed in ${since(start)}`);
}

/** Whether `npm install` has brought exactly what the lock file lists: npm keeps a record of what it installed. */
function installedByHand() {
  const [wanted, installed] = ["package-lock.json", join("node_modules", ".package-lock.json")].map((path) => {
    const text = read(inRoot(path));
    return text === undefined ? undefined : JSON.parse(text).packages;
  });
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === "" || installed[path]?.version === version || (optional && installed[path] === undefined),
  );
}

/** The npm that runs this script, else the one on PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  return cli && basename(cli).startsWith("npm") ? [process.execPath, cli] : ["npm"];
}
