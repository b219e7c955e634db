import { expect, test } from "vitest";
import { fill } from "../../src/conductor/templates.ts";

test("a template is filled, each name wherever it stands", () => {
  expect(fill("{{a}} {{b-c}} {{a}}", { a: "1", "b-c": "$& {{a}}" })).toBe("1 $& {{a}} 1");
});

test("a name without a value, and a value without its name, are defects", () => {
  expect(() => fill("{{a}}{{b}}", { a: "1" })).toThrow("a template asks for b");
  expect(() => fill("{{a}}", { a: "1", b: "2", c: "3" })).toThrow("a template does not use b, c");
});

test("what is no name in double braces stays as it is", () => {
  expect(fill("{{.Version}} {a} {{A}} {{}}", {})).toBe("{{.Version}} {a} {{A}} {{}}");
});
