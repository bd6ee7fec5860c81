import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { extract } from "tar";
import { FileError, messageOf } from "../../errors.js";

/** Nobody unpacks for so long, in milliseconds. */
const abandonedAfter = 3_600_000;
let serial = 0;

/**
 * Unpacks the wanted files of a `.tar.gz` that has one folder, and removes the archive. The folder appears whole or not
 * at all: the files go to one beside it first, which is renamed. Entries that are not wanted are passed over, links and
 * names that lead elsewhere among them; a wanted one that is no regular file, or too large, is an error.
 *
 * @param folder where the archive's folder is to stand; it has the same name
 * @param files the names of the wanted files in the folder, and the most bytes of each
 * @throws FileError when the archive is damaged, or a wanted file is missing, too large, or no regular file
 */
export async function unpackTarGz(
  archive: string,
  folder: string,
  files: Readonly<Record<string, number>>,
): Promise<void> {
  const name = basename(folder);
  const wanted = new Map(Object.entries(files).map(([file, most]) => [`${name}/${file}`, most]));
  removeAbandoned(folder);
  const beside = `${folder}.${process.pid}-${serial++}.unpacking`;
  const missing = new Set(wanted.keys());
  const faults: string[] = [];
  try {
    mkdirSync(beside, { recursive: true });
    await extract({
      file: archive,
      cwd: beside,
      strict: true,
      noMtime: true,
      filter: (path, entry) => {
        const most = wanted.get(path);
        if (most === undefined || !("type" in entry)) return false;
        const regular = entry.type === "File" || entry.type === "OldFile";
        if (!regular) faults.push(`${path} is no file but a ${entry.type}`);
        else if (entry.size > most) faults.push(`${path} has ${entry.size} bytes, over ${most}`);
        else if (!missing.delete(path)) faults.push(`${path} is there twice`);
        return faults.length === 0;
      },
    });
    if (missing.size > 0) faults.push(`it has no ${[...missing].join(", ")}`);
    if (faults[0] !== undefined) throw new Error(faults[0]);
    putInPlace(join(beside, name), folder);
  } catch (cause) {
    throw new FileError(archive, `could not be unpacked (${messageOf(cause)})`, {
      cause,
      hint: "Remove it, to have it downloaded again.",
    });
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  rmSync(archive, { force: true });
}

function putInPlace(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(to)) throw error;
  }
}

/** What processes that were ended left. */
function removeAbandoned(folder: string): void {
  const start = `${basename(folder)}.`;
  for (const name of readdirSync(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (!name.startsWith(start) || !name.endsWith(".unpacking")) continue;
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < abandonedAfter) continue;
    rmSync(path, { recursive: true, force: true });
  }
}
