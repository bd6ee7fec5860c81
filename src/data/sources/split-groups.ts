import { ArgumentError } from "../../errors.js";
import { Random } from "../../random.js";
import type { Labelled } from "../image-set.js";

/** Images of one group. */
interface Group {
  readonly name: string;
  /** Of each class that it has, how many. */
  readonly counts: Map<number, number>;
}

/** With more groups than this, one attempt of moving single ones balances well enough, and exchanges take too long. */
const mostForExchanges = 1000;
const attempts = 10;
const mostRounds = 50;

/**
 * Chooses whole groups for validation such that of every class about the wanted fraction is held out.
 *
 * What is made small is the sum over the classes of (fraction held out - fraction wanted)^2. The groups are gone through
 * in a random order, a pure function of `seed` and their names, and each is taken whose taking lowers the sum; then single
 * groups are moved, and pairs exchanged, as long as that lowers it. Of ten such attempts the best counts (with more than
 * 1,000 groups one, without exchanges). The choice is the same for the same groups, in whatever order the images come.
 * Unlike a choice of single images, it may change altogether when a group is added.
 *
 * @returns the indices of the images held out
 * @throws ArgumentError when a class cannot be on both sides because its images are of one group
 */
export function chooseGroups(
  { classes, labels, groups: names }: Pick<Labelled, "classes" | "labels"> & { groups: readonly string[] },
  fraction: number,
  seed: number,
): Set<number> {
  const groups = groupsIn(labels, names);
  let best: Balance | undefined;
  for (let attempt = 0; attempt < (groups.length > mostForExchanges ? 1 : attempts); attempt++) {
    const balance = new Balance(groups, classes.length, fraction);
    fill(balance, inRandomOrder(groups, seed, attempt));
    if (best === undefined || balance.sum < best.sum - least) best = balance;
  }

  for (const [label, name] of classes.entries()) {
    if (best?.isOnBothSides(label)) continue;
    const holding = groups.filter(({ counts }) => counts.has(label)).length;
    throw new ArgumentError(
      holding < 2
        ? `class ${name} has images of ${holding} group; a split that divides no group needs two`
        : `the ${holding} groups with images of class ${name} cannot be divided so that both sides have all classes`,
      "Add images of other groups, or divide the data by hand into train/ and validation/.",
    );
  }
  const held = new Set([...(best?.held ?? [])].map((group) => group.name));
  return new Set(names.flatMap((name, i) => (held.has(name) ? [i] : [])));
}

function groupsIn(labels: ArrayLike<number>, names: readonly string[]): Group[] {
  const groups = new Map<string, Group>();
  for (const [i, name] of names.entries()) {
    const label = labels[i] as number;
    const group = groups.get(name) ?? { name, counts: new Map<number, number>() };
    if (label >= 0) group.counts.set(label, (group.counts.get(label) ?? 0) + 1);
    groups.set(name, group);
  }
  return [...groups.values()];
}

function inRandomOrder(groups: readonly Group[], seed: number, attempt: number): Group[] {
  return groups
    .map((group) => ({ group, rank: new Random(seed, "split", attempt, group.name).uint32() }))
    .sort((a, b) => a.rank - b.rank || (a.group.name < b.group.name ? -1 : 1))
    .map(({ group }) => group);
}

/** What lowers the sum by less is rounding. */
const least = 1e-12;

function fill(balance: Balance, groups: readonly Group[]): void {
  for (let round = 0; round < mostRounds; round++) {
    let improved = false;
    for (const group of groups) {
      if (balance.change(group) >= -least) continue;
      balance.move(group);
      improved = true;
    }
    if (groups.length <= mostForExchanges && exchange(balance, groups)) improved = true;
    if (!improved) return;
  }
}

/** Exchanges pairs of groups as long as that lowers the sum. @returns whether there was such a pair */
function exchange(balance: Balance, groups: readonly Group[]): boolean {
  let improved = false;
  for (const out of groups) {
    if (!balance.held.has(out)) continue;
    const lost = balance.move(out);
    let better: Group | undefined;
    let lowest = -least;
    for (const group of groups) {
      if (group === out || balance.held.has(group)) continue;
      const change = lost + balance.change(group);
      if (change < lowest) [better, lowest] = [group, change];
    }
    balance.move(better ?? out);
    if (better) improved = true;
  }
  return improved;
}

/** The groups that are held out, and how well they are balanced. */
class Balance {
  readonly held = new Set<Group>();
  readonly #counts: Float64Array;
  readonly #total: Float64Array;
  readonly #fraction: number;

  constructor(groups: readonly Group[], classes: number, fraction: number) {
    this.#counts = new Float64Array(classes);
    this.#total = new Float64Array(classes);
    this.#fraction = fraction;
    for (const { counts } of groups) {
      for (const [label, count] of counts) this.#total[label] = (this.#total[label] as number) + count;
    }
  }

  /** What is made small. */
  get sum(): number {
    return this.#counts.reduce((sum, count, label) => sum + this.#term(label, count), 0);
  }

  /** By how much the sum would change if the group went to the other side. */
  change(group: Group): number {
    const sign = this.held.has(group) ? -1 : 1;
    let change = 0;
    for (const [label, count] of group.counts) {
      const now = this.#counts[label] as number;
      change += this.#term(label, now + sign * count) - this.#term(label, now);
    }
    return change;
  }

  /** Puts the group on the other side. @returns by how much the sum changed */
  move(group: Group): number {
    const change = this.change(group);
    const sign = this.held.has(group) ? -1 : 1;
    for (const [label, count] of group.counts) this.#counts[label] = (this.#counts[label] as number) + sign * count;
    if (sign > 0) this.held.add(group);
    else this.held.delete(group);
    return change;
  }

  isOnBothSides(label: number): boolean {
    const held = this.#counts[label] as number;
    return held > 0 && held < (this.#total[label] as number);
  }

  #term(label: number, held: number): number {
    const total = this.#total[label] as number;
    // A class that is missing on one side is worse than any imbalance.
    const missing = held === 0 || held === total ? 100 : 0;
    return (held / Math.max(1, total) - this.#fraction) ** 2 + missing;
  }
}
