import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { parseConfig } from "../../src/conductor/config.ts";
import { optionDeclarations, optionSchemas } from "../../src/conductor/options.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";

const text = readFileSync(join(import.meta.dirname, "../../config.yaml"), "utf8");
const optionYaml = z.strictObject({
  type: z.string(),
  default: z.union([z.string(), z.boolean(), z.number()]).optional(),
  description: z.string(),
});
const declared = z.strictObject({ options: z.record(z.string(), optionYaml) }).parse(parse(text)).options;

describe("config.yaml", () => {
  test("declares the options that the program knows, in its order", () => {
    expect(Object.keys(declared)).toEqual(Object.keys(optionDeclarations));
    expect(Object.keys(optionSchemas)).toEqual(Object.keys(optionDeclarations));
  });

  test.each(Object.entries(optionDeclarations))(
    "has the type, default and description of %s",
    (name, option) => {
      expect(declared[name]).toEqual(option);
    },
  );

  test("has defaults that are accepted, each alone and all together", () => {
    const defaults = Object.fromEntries(
      Object.entries(declared).map(([name, it]) => [name, it.default ?? ""]),
    );
    expect(parseConfig(defaults, kubeconfigText())).toEqual(parseConfig({}, kubeconfigText()));
    expect(parseConfig(defaults, kubeconfigText())).toHaveProperty("chart-version");
  });
});
