import { cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { openImageFolder } from "../../src/data/index.js";
import { succeed, temporaryFolder } from "./fovea.js";

const nuclei = fileURLToPath(new URL("../../../shared/data/nuclei", import.meta.url));
const work = temporaryFolder();
afterAll(work.remove);

describe.skipIf(!existsSync(nuclei))("real nuclei (skipped where the data is not there)", () => {
  it("are three classes, divided by patient", () => {
    const { train, validation, problems } = openImageFolder(nuclei, { groupBy: "^(p\\d+)_" });
    expect(train.classes).toEqual(["stromal", "til", "tumor"]);
    expect(train.classCounts()).toEqual([1257, 1837, 1875]);
    expect(validation.classCounts()).toEqual([462, 295, 883]);
    expect([train.size, validation.size, problems.length]).toEqual([4969, 1640, 0]);
    const [trained, held] = [new Set(train.groups), new Set(validation.groups)];
    expect([trained.size, held.size]).toEqual([38, 10]);
    expect([...held].filter((name) => trained.has(name))).toEqual([]);
  });

  it("are trained on and evaluated", async () => {
    for (const [part, count] of [
      ["train", 40],
      ["validation", 10],
    ] as const) {
      for (const name of ["stromal", "til", "tumor"]) {
        for (const file of readdirSync(join(nuclei, part, name))
          .sort()
          .slice(0, count)) {
          cpSync(join(nuclei, part, name, file), join(work.path, "few", part, name, file));
        }
      }
    }
    const args = "train --data few --name few --size 32 --epochs 2 --batch-size 20".split(" ");
    const said = await succeed(args, work.path);
    expect(said).toContain("Classes        stromal (40), til (40), tumor (40)\n");
    expect(said).toContain("Images         120 to train on, 30 to validate on, 32x32\n");
    const found = JSON.parse(await succeed(["evaluate", "runs/few", nuclei, "--json"], work.path));
    expect(found.total).toBe(1640);
    expect(found.perClass.map(({ support }: { support: number }) => support)).toEqual([462, 295, 883]);
  }, 120_000);
});
