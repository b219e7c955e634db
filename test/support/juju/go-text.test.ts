import { describe, expect, it } from "vitest";
import { parseFlags } from "./gnu-flags.ts";
import { goJson, type Value } from "./go-json.ts";
import { goQuote } from "./go-quote.ts";
import { goYaml } from "./go-yaml.ts";
import { booleanFlag, textFlag } from "./hook-command.ts";

const words = "word ".repeat(20).trim();

describe("YAML as Juju's library writes it", () => {
  it.each<[Value, string]>([
    ["", '""'],
    ["yes", '"yes"'],
    ["n", '"n"'],
    ["0x1f", '"0x1f"'],
    ["1e5", "1e5"],
    ["1e+5", '"1e+5"'],
    ["12:30", '"12:30"'],
    ["2024-01-02", '"2024-01-02"'],
    ["2024-13-02", "2024-13-02"],
    ["99999999999999999999", '"99999999999999999999"'],
    ["- a", "'- a'"],
    ["it's: so", "'it''s: so'"],
    ["a #b", "'a #b'"],
    [" a", "' a'"],
    ["a\tb", '"a\\tb"'],
    ["a \nb", '"a \\nb"'],
    ["a", "a"],
    ["\n a", "|2-\n\n   a"],
    ["\u00a0\u0085\u{1f680}", '"\u00a0\\N\\U0001F680"'],
    [words, `${"word ".repeat(17).trim()}\n  word word word`],
    [{ "a-10": 1, "a-2": 2, A: 3, "1": 4 }, '"1": 4\nA: 3\na-2: 2\na-10: 1'],
    [{ a: { b: {}, c: ["x", "yes"] }, d: null }, 'a:\n  b: {}\n  c:\n  - x\n  - "yes"\nd: null'],
    [1e20, "1e+20"],
    [100000, "100000"],
    [0.00001, "1e-05"],
  ])("writes %j as expected", (value, text) => {
    expect(goYaml(value)).toBe(text);
  });
});

describe("JSON and quotes as Go writes them", () => {
  it("sorts keys by code point, whatever they look like, and escapes what HTML would read", () => {
    expect(goJson({ b: ["<&>", null], "10": 1e-7, "9": true, "\u{1f680}": "", "\ufffd": 1e21 })).toBe(
      '{"10":1e-7,"9":true,"b":["\\u003c\\u0026\\u003e",null],"\ufffd":1e+21,"\u{1f680}":""}',
    );
  });

  it("quotes what cannot be printed", () => {
    expect(goQuote('a"\\\n\u0001\u00a0\u{e0001}é🚀')).toBe('"a\\"\\\\\\n\\x01\\u00a0\\U000e0001é🚀"');
  });
});

describe("flags", () => {
  const flags = [booleanFlag("all", "a"), booleanFlag("peek", "p"), textFlag("l", "log-level")];
  const parse = (...argv: readonly string[]): object => {
    const { flags: given, args } = parseFlags(flags, argv);
    return { ...Object.fromEntries(given), args };
  };

  it.each([
    [["-apl", "X", "y"], { all: "true", peek: "true", l: "X", args: ["y"] }],
    [["-lX", "--log-level=Y"], { l: "Y", args: [] }],
    [["--all=f", "-", "", "--", "--peek"], { all: "false", args: ["-", "", "--peek"] }],
    [["--l", "--", "x"], { l: "--", args: ["x"] }],
  ])("read %j", (argv, expected) => {
    expect(parse(...argv)).toEqual(expected);
  });

  it.each([
    [
      ["--all=maybe"],
      'invalid value "maybe" for option --all: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [["-a=true"], 'invalid value "=true" for option -a: strconv.ParseBool: parsing "=true": invalid syntax'],
    [["-l"], "option needs an argument: -l"],
    [["--=x"], 'empty option in argument "--=x"'],
    [["-ax"], "option provided but not defined: -x"],
  ])("refuse %j", (argv, text) => {
    expect(() => parse(...argv)).toThrow(text);
  });
});
