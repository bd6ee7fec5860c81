import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { ByteReader } from "./byte-reader.js";
import { readPickle } from "./pickle.js";
import { isObject } from "./values.js";

/** A pickle of protocol 2 to its end; numbers are opcodes, texts their letters and arguments. */
function pickle(...parts: (string | number)[]): Buffer {
  const body = parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part, "latin1")));
  return Buffer.concat([Buffer.of(0x80, 2), ...body, Buffer.from(".")]);
}

/** BINUNICODE */
function text(value: string): string {
  return `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`;
}

function read(bytes: Uint8Array) {
  return readPickle(new ByteReader("evil.pt", "data.pkl", (at, n) => bytes.subarray(at, at + n), 0, bytes.length));
}

describe("data", () => {
  // Made by Python's pickle.dumps.
  it.each<[string, string, unknown]>([
    ["a list", "80025d7100284b004d00014affffffff8a0500000000024a00000080652e", [0, 256, -1, 2 ** 33, -(2 ** 31)]],
    ["a long integer", "80028a090000000000000000402e", 2n ** 70n],
    ["a negative long integer", "8004950c000000000000008a090000000000000000c02e", -(2n ** 70n)],
    ["zero as a long integer", "80028a002e", 0],
    ["a float", "8002473ff80000000000002e", 1.5],
    ["None", "80024e2e", null],
    ["texts", "80049513000000000000005d94288c026162948c03e282ac948c0094652e", ["ab", "€", ""]],
    ["bytes", "80034303000102 71002e".replace(" ", ""), Uint8Array.of(0, 1, 2)],
    [
      "bytes of protocol 2",
      "8002635f636f646563730a656e636f64650a7100580300000000c3bf710158060000006c6174696e3171028671035271042e",
      Uint8Array.of(0, 255),
    ],
    ["a tuple", "80024b0188898771002e", [1, true, false]],
    ["a text of Python 2", "80025503616263712a2e", "abc"],
  ])("as Python's pickle.dumps writes it is read: %s", (_, hex, expected) => {
    const value = read(Buffer.from(hex, "hex"));
    expect(isObject(value, "list") || isObject(value, "tuple") ? value.items : value).toEqual(expected);
  });
});

describe("what a pickle may not name", () => {
  const cases: [string, Buffer, RegExp][] = [
    ["os.system", pickle("cos\nsystem\n", "(", text("touch x"), "tR"), /refuses os\.system:/],
    ["posix.system", pickle("cposix\nsystem\n", "(", text("touch x"), "tR"), /refuses posix\.system:/],
    ["subprocess.Popen", pickle("csubprocess\nPopen\n"), /refuses subprocess\.Popen/],
    ["eval", pickle("c__builtin__\neval\n", "(", text("1"), "tR"), /refuses __builtin__\.eval:/],
    ["exec", pickle("cbuiltins\nexec\n"), /refuses builtins\.exec:/],
    [
      "getattr",
      pickle("cbuiltins\ngetattr\n", "(ctorch\nSize\n", text("__class__"), "tR"),
      /refuses builtins\.getattr/,
    ],
    ["torch.load", pickle("ctorch.serialization\nload\n"), /refuses torch\.serialization\.load/],
    ["a storage from bytes", pickle("ctorch.storage\n_load_from_bytes\n"), /refuses torch\.storage\._load_from_bytes/],
    ["copyreg", pickle("ccopyreg\n_reconstructor\n"), /refuses copyreg\._reconstructor/],
    ["numpy", pickle("cnumpy.core.multiarray\nscalar\n"), /refuses numpy\.core\.multiarray\.scalar/],
    ["a class of the user's", pickle("c__main__\nNet\n", ")", 0x81), /refuses __main__\.Net/],
    ["by STACK_GLOBAL", pickle(text("os"), text("system"), 0x93), /refuses os\.system:/],
    [
      "by dotted names",
      pickle(text("torch"), text("Size.__init__.__globals__"), 0x93),
      /refuses torch\.Size\.__init__/,
    ],
    ["an empty name", pickle(text(""), text(""), 0x93), /refuses \.:/],
    ["a JavaScript name", pickle("c__proto__\nconstructor\n"), /refuses __proto__\.constructor/],
    ["another JavaScript name", pickle(text("constructor"), text("constructor"), 0x93), /refuses constructor\.cons/],
    ["STACK_GLOBAL of numbers", pickle("K\x01", "K\x02", 0x93), /names something by number and number/],
    ["INST", pickle("(", text("ls"), "ios\nsystem\n"), /refuses the instruction INST/],
    ["OBJ", pickle("(", "ctorch\nSize\n", "o"), /refuses the instruction OBJ/],
    ["NEWOBJ_EX", pickle("ctorch\nSize\n", ")", "}", 0x92), /refuses the instruction NEWOBJ_EX/],
    ["EXT1", pickle(0x82, 1), /refuses the instruction EXT1/],
    ["EXT2", pickle(0x83, 1, 0), /refuses the instruction EXT2/],
    ["EXT4", pickle(0x84, 1, 0, 0, 0), /refuses the instruction EXT4/],
    ["PERSID", pickle("Pstorage\n"), /refuses the instruction PERSID/],
    ["a foreign persistent id", pickle(text("module"), 0x85, "Q"), /no storage of PyTorch's/],
    ["NEXT_BUFFER", pickle(0x97), /refuses the instruction NEXT_BUFFER/],
    ["an unknown opcode", pickle(0xff), /refuses the instruction 0xff/],
    ["a call of a name", pickle("ctorch\nfloat32\n", ")R"), /refuses a call of torch\.float32/],
    ["a call of a storage type", pickle("ctorch\nFloatStorage\n", "K\x05", 0x85, "R"), /call of torch\.FloatStorage/],
    ["a call of data", pickle(text("os.system"), ")R"), /refuses a call of string/],
    ["a call without a tuple", pickle("ctorch\nSize\n", "]R"), /with list, not with a tuple/],
    ["a new object of data", pickle("}", ")", 0x81), /refuses a call of dict/],
    ["a state for a plain dict", pickle("}", "}", "b"), /refuses a state of dict for dict/],
    ["a state for a name", pickle("ctorch\nfloat32\n", "}", "b"), /refuses a state of dict for name/],
    [
      "a tensor without a storage",
      pickle("ctorch._utils\n_rebuild_tensor_v2\n", "(K\x00K\x00))", 0x89, "}tR"),
      /gives torch/,
    ],
    [
      "a codec that runs code",
      pickle("c_codecs\nencode\n", "(", text("x"), text("zlib"), "tR"),
      /gives _codecs\.encode/,
    ],
  ];
  it.each(cases)("%s is refused, and said", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(/^evil\.pt: data\.pkl, before byte \d+, /);
    expect(() => read(bytes)).toThrow(FileError);
  });
});

describe("a pickle that is wrong", () => {
  it.each<[string, Buffer, RegExp]>([
    ["empty", Buffer.alloc(0), /is cut off/],
    ["of protocol 0", Buffer.from("I1\n."), /is no pickle/],
    ["of protocol 6", Buffer.of(0x80, 6, 0x4e, 0x2e), /is of protocol 6/],
    ["without a value", pickle(), /ends with 0 values/],
    ["with two values", pickle("NN"), /ends with 2 values/],
    ["with an open group", pickle("(N"), /ends with 1 values/],
    ["without its group", pickle("t"), /never opened/],
    ["beyond its group", pickle("N(", 0x85), /takes a value that is not there/],
    ["a pop of nothing", pickle("0"), /takes a value that is not there/],
    ["a memo of nothing", pickle("q\x00"), /takes a value that is not there/],
    ["a memory of nothing", pickle("h\x07"), /recalls the value 7/],
    ["a key without a value", pickle("}(NNNu"), /without a value/],
    ["an item of a number", pickle("K\x01", "N", "a"), /appends to number/],
    ["an entry of a list", pickle("]NNs"), /sets entries of list/],
    ["an item of a dict", pickle("}(N", 0x90), /adds to dict/],
    ["no UTF-8", pickle("X\x01\x00\x00\x00\xff"), /not UTF-8/],
    ["a name without an end", pickle(`c${"a".repeat(5000)}`), /a name without an end/],
    ["a huge integer", pickle(0x8b, "\xff\xff\xff\x7f"), /whole number of 2147483647 bytes/],
    ["a huge text", pickle("X\xff\xff\xff\xff"), /of length 4294967295/],
    ["a text of 2^63 bytes", pickle(0x8d, "\x00\x00\x00\x00\x00\x00\x00\x80"), /of length 9223372036854776000/],
    ["huge bytes", pickle(0x8e, "\x00\x00\x00\x00\x01\x00\x00\x00"), /of length 4294967296/],
  ])("is named: %s", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(FileError);
  });

  it("takes bounded memory, whatever it repeats", () => {
    const list = `](${"N".repeat(100_000)}eq\x00`;
    const pairs = `](${"]K\x01aK\x01a".repeat(50_000)}eq\x00`;
    const bombs = [
      pickle("]".repeat(1_000_001)),
      pickle("}".repeat(1_000_001)),
      pickle("N", Buffer.alloc(2_000_001, 0x94).toString("latin1")),
      pickle(list, `0c__builtin__\nset\nq\x01${"h\x01h\x00\x85R".repeat(100)}`),
      pickle(pairs, `0ccollections\nOrderedDict\nq\x01${"h\x01h\x00\x85R".repeat(1000)}`),
      pickle(
        text("x".repeat(200)),
        `q\x000c_codecs\nencode\nq\x01${text("latin1")}q\x020`,
        "h\x01h\x00h\x02\x86R".repeat(700_000),
      ),
    ];
    const before = process.memoryUsage().rss;
    for (const [i, bomb] of bombs.entries()) {
      expect(() => read(bomb), `bomb ${i}`).toThrow(/holds more values than are read/);
    }

    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(800);
  }, 60_000);

  it("never gives anything but data or an error, whatever its bytes", () => {
    const codes = fc.constantFrom(
      ...Buffer.from("(.01GJKMNQRTUXabcehjqrst}])\x80\x81\x85\x86\x87\x88\x89\x8a\x93\x94", "latin1"),
    );
    const part = fc.oneof(
      codes.map((code) => String.fromCharCode(code)),
      fc.nat(255).map((code) => String.fromCharCode(code)),
      fc.constantFrom(
        "ccollections\nOrderedDict\n",
        "ctorch\nFloatStorage\n",
        "ctorch\nSize\n",
        text("storage"),
        "K\x02",
      ),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        try {
          read(pickle(...parts));
        } catch (error) {
          if (!(error instanceof FileError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });
});
