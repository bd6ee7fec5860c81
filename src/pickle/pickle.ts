import type { FileError } from "../errors.js";
import type { ByteReader } from "./byte-reader.js";
import { findGlobal } from "./globals.js";
import { readLiteral } from "./literals.js";
import { setNumpyState } from "./numpy.js";
import { describeOpcode, op } from "./opcodes.js";
import { type AllowedGlobal, isObject, kindOf, type PickleTuple, type PickleValue } from "./values.js";

/** The memory of all that a pickle builds, in words as `cost` has them: far above what anybody needs. */
const mostWords = 8_000_000;
const cost = { value: 1, entry: 4, object: 8 };

export interface PickleOptions {
  /** Makes a storage of what PyTorch writes in its place; undefined when it cannot. */
  persistent?: (id: PickleTuple) => PickleValue | undefined;
  /** What of Python's the pickle may name. Default: what files of weights name. */
  findGlobal?: (name: string) => AllowedGlobal | undefined;
  /** The most bytes of the pickle. Default 64 MiB, far above what weights need. */
  mostBytes?: number;
  /** What to do where something is refused. */
  hint?: string;
}

/**
 * Reads one pickle of protocol 2 to 5 as data. A pickle is a program for a stack machine; this machine knows no
 * instruction that calls anything but the builders on an allow-list (`globals.ts`, `numpy.ts`), all of which only make
 * data.
 *
 * @throws FileError that names what was refused, or says where the pickle is damaged
 */
export function readPickle(reader: ByteReader, options: PickleOptions = {}): PickleValue {
  return new Machine(reader, options).run();
}

class Machine {
  readonly #reader: ByteReader;
  readonly #options: Required<PickleOptions>;
  readonly #end: number;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #words = 0;

  constructor(reader: ByteReader, options: PickleOptions) {
    this.#reader = reader;
    this.#options = {
      persistent: options.persistent ?? (() => undefined),
      findGlobal: options.findGlobal ?? findGlobal,
      mostBytes: options.mostBytes ?? 64 * 2 ** 20,
      hint: options.hint ?? "If you trust the file: load it in Python, and save the model's state_dict() alone.",
    };
    this.#end = reader.position + this.#options.mostBytes;
  }

  run(): PickleValue {
    const reader = this.#reader;
    const { mostBytes } = this.#options;
    if (reader.uint8() !== op.protocol) throw reader.error("is no pickle of protocol 2 or newer");
    this.#checkProtocol();
    for (;;) {
      const code = reader.uint8();
      if (code === op.stop) {
        const [result] = this.#stack;
        if (result === undefined || this.#stack.length > 1 || this.#marks.length > 0) {
          throw reader.error(`ends with ${this.#stack.length} values in place of one`);
        }
        return result;
      }
      this.#step(code);
      if (reader.position > this.#end) throw reader.error(`is longer than the ${mostBytes} bytes that are read`);
    }
  }

  #step(code: number): void {
    let value = readLiteral(code, this.#reader, this.#options.mostBytes);
    if (value === undefined) value = this.#make(code);
    if (value === undefined) this.#act(code);
    else this.#push(value);
  }

  /** The value that an opcode makes of those on the stack and in the memo; undefined for the opcodes that make none. */
  #make(code: number): PickleValue | undefined {
    const reader = this.#reader;
    switch (code) {
      case op.tuple1:
        return { kind: "tuple", items: this.#take(1) };
      case op.tuple2:
        return { kind: "tuple", items: this.#take(2) };
      case op.tuple3:
        return { kind: "tuple", items: this.#take(3) };
      case op.tuple:
        return { kind: "tuple", items: this.#takeToMark() };
      case op.frozenSet:
        return { kind: "set", items: new Set(this.#takeToMark()) };
      case op.duplicate:
        return this.#top();
      case op.binGet:
        return this.#recall(reader.uint8());
      case op.longBinGet:
        return this.#recall(reader.uint32());
      case op.global:
        return this.#global(reader.line(), reader.line());
      case op.stackGlobal: {
        const [module, name] = this.#take(2);
        if (typeof module === "string" && typeof name === "string") return this.#global(module, name);
        throw reader.error(`names something by ${kindOf(module)} and ${kindOf(name)} in place of two texts`);
      }
      case op.reduce:
      case op.newObject:
        return this.#build();
      case op.binPersistentId: {
        const id = this.#pop();
        const value = isObject(id, "tuple") ? this.#options.persistent(id) : undefined;
        if (value !== undefined) return value;
        throw reader.error("refers to something outside that is no storage of PyTorch's");
      }
      default:
        return undefined;
    }
  }

  #act(code: number): void {
    const reader = this.#reader;
    switch (code) {
      case op.protocol:
        this.#checkProtocol();
        break;
      case op.frame:
        reader.uint64();
        break;
      case op.append:
        this.#append(this.#take(1));
        break;
      case op.appends:
        this.#append(this.#takeToMark());
        break;
      case op.setItem:
        this.#setItems(this.#take(2));
        break;
      case op.setItems:
        this.#setItems(this.#takeToMark());
        break;
      case op.addItems:
        this.#addItems(this.#takeToMark());
        break;
      case op.mark:
        this.#spend(cost.value);
        this.#marks.push(this.#stack.length);
        break;
      case op.pop:
        // As in Python: of a mark when nothing lies above it.
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        break;
      case op.popMark:
        this.#takeToMark();
        break;
      case op.binPut:
        this.#remember(reader.uint8());
        break;
      case op.longBinPut:
        this.#remember(reader.uint32());
        break;
      case op.memoize:
        this.#remember(this.#memo.size);
        break;
      case op.build:
        this.#setState();
        break;
      default:
        throw reader.error(`refuses the instruction ${describeOpcode(code)}`);
    }
  }

  #checkProtocol(): void {
    const version = this.#reader.uint8();
    if (version < 2 || version > 5) throw this.#reader.error(`is of protocol ${version}; 2 to 5 are read`);
  }

  #global(module: string, name: string): AllowedGlobal {
    const found = this.#options.findGlobal(`${module}.${name}`);
    if (!found) throw this.#refusal(`${module}.${name}`);
    return found;
  }

  #build(): PickleValue {
    const args = this.#pop();
    const target = this.#pop();
    if (!isObject(args, "tuple")) throw this.#reader.error(`calls something with ${kindOf(args)}, not with a tuple`);
    if (!isObject(target, "builder")) {
      const what = isObject(target, "name") || isObject(target, "storage type") ? target.name : kindOf(target);
      throw this.#refusal(`a call of ${what}`);
    }
    // One list, recalled again and again, could be copied into as many dicts.
    for (const argument of args.items) this.#spend(sizeOf(argument));
    const value = target.build(args.items);
    if (value === undefined) throw this.#reader.error(`gives ${target.name} arguments that it does not take`);
    return value;
  }

  /** What Python's `__setstate__` does, for the few things that have a state. */
  #setState(): void {
    const state = this.#pop();
    const target = this.#top();
    if (isObject(target, "dict") && target.attributes !== "none" && isObject(state, "dict")) {
      this.#spend(sizeOf(state));
      if (target.attributes === "entries") for (const [key, value] of state.entries) target.entries.set(key, value);
      return;
    }
    // Parameters of PyTorch before 0.4: whether a gradient is needed, volatile, hooks.
    if (isObject(target, "tensor") && isObject(state, "tuple") && state.items.length === 3) return;
    if (isObject(state, "tuple") && setNumpyState(target, state)) return;
    throw this.#refusal(`a state of ${kindOf(state)} for ${kindOf(target)}`);
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!isObject(list, "list")) throw this.#reader.error(`appends to ${kindOf(list)}`);
    for (const item of items) list.items.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!isObject(dict, "dict")) throw this.#reader.error(`sets entries of ${kindOf(dict)}`);
    for (let i = 0; i < items.length; i += 2) {
      const [key, value] = [items[i], items[i + 1]];
      if (key === undefined || value === undefined) throw this.#reader.error("sets a key without a value");
      dict.entries.set(key, value);
    }
  }

  #addItems(items: readonly PickleValue[]): void {
    const set = this.#top();
    if (!isObject(set, "set")) throw this.#reader.error(`adds to ${kindOf(set)}`);
    for (const item of items) set.items.add(item);
  }

  #remember(key: number): void {
    this.#spend(cost.entry);
    this.#memo.set(key, this.#top());
  }

  #recall(key: number): PickleValue {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.#reader.error(`recalls the value ${key}, which it never stored`);
    return value;
  }

  #spend(words: number): void {
    this.#words += words;
    if (this.#words > mostWords) throw this.#reader.error("holds more values than are read");
  }

  #push(value: PickleValue): void {
    this.#spend(typeof value === "object" && value !== null ? cost.object : cost.value);
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.pop() : undefined;
    if (value === undefined) throw this.#empty();
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.at(-1) : undefined;
    if (value === undefined) throw this.#empty();
    return value;
  }

  #take(count: number): PickleValue[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) throw this.#empty();
    return this.#stack.splice(-count);
  }

  #takeToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#reader.error("closes a group that it never opened");
    return this.#stack.splice(mark);
  }

  #empty(): FileError {
    return this.#reader.error("takes a value that is not there");
  }

  #refusal(what: string): FileError {
    const shown = what.length > 200 ? `${what.slice(0, 200)}…` : what;
    return this.#reader.error(
      `refuses ${shown}: only tensors, numbers, texts, lists and dicts are read, and nothing is run`,
      this.#options.hint,
    );
  }
}

/** Words that a copy takes. */
function sizeOf(value: PickleValue): number {
  if (isObject(value, "dict")) return cost.entry * value.entries.size;
  if (isObject(value, "set")) return cost.entry * value.items.size;
  if (isObject(value, "list") || isObject(value, "tuple")) return cost.entry * value.items.length;
  return typeof value === "string" ? Math.ceil(value.length / 8) : 0;
}
