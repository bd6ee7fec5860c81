import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { fail, succeed, temporaryFolder } from "./fovea.js";

const work = temporaryFolder();
afterAll(work.remove);

describe("fovea recipes", () => {
  it("lists the recipes", async () => {
    const text = await succeed(["recipes"], work.path);
    expect(text).toMatch(/^Recipe +What it is\n─+\n/);
    expect(text).toMatch(/^cifar10-resnet +The small ResNet of the UvA deep-learning tutorial 5 on CIFAR-10$/m);
    expect(text).toMatch(/^default +What `fovea train` does where nothing else is asked for$/m);
    const found = JSON.parse(await succeed(["recipes", "--json"], work.path));
    expect(found).toHaveLength(text.trimEnd().split("\n").length - 2);
    expect(Object.keys(found[0])).toEqual(["name", "description"]);
  });

  it("prints one with all its settings, which is a recipe itself", async () => {
    const text = await succeed(["recipes", "cifar10-resnet"], work.path);
    const recipe = parse(text);
    expect(recipe).toMatchObject({ version: 3, model: { name: "cifar_resnet20" }, optimizer: { nesterov: false } });
    writeFileSync(join(work.path, "mine.yaml"), text);
    expect(await succeed(["recipes", "mine.yaml"], work.path)).toBe(text);
    expect(JSON.parse(await succeed(["recipes", "mine.yaml", "--json"], work.path))).toEqual(recipe);
  });

  it("tells a name that there is not, and all mistakes of a file", async () => {
    expect(await fail(["recipes", "cifar10-resent"], work.path)).toMatch(
      /^error: There is no recipe named "cifar10-resent"\.\nDid you mean cifar10-resnet[,?]/,
    );
    writeFileSync(join(work.path, "wrong.yaml"), "extends: default\nepoch: 3\noptimizer: {lr: fast}\n");
    expect(await fail(["recipes", "wrong.yaml"], work.path)).toBe(
      [
        'error: wrong.yaml:3:17: optimizer.lr: must be a number, not "fast"',
        "wrong.yaml:2:1: epoch: there is no such setting; did you mean epochs?\n",
      ].join("\n"),
    );
  });
});
