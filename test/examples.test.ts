import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { parseConfig } from "../src/conductor/config.ts";
import { optionDeclarations } from "../src/conductor/options.ts";
import { kubeconfigText } from "./support/kubeconfigs.ts";

const root = join(import.meta.dirname, "..");
const textOf = (file: string) => readFileSync(join(root, file), "utf8");
const overlayFile = "docs/examples/overlay.yaml";
const plan = "docs/examples/terraform/main.tf";

const metadata = z
  .object({ name: z.string(), requires: z.record(z.string(), z.unknown()) })
  .parse(parse(textOf("metadata.yaml")));

/** What Juju reads of an overlay, as far as this one uses it. */
const overlay = z.strictObject({
  applications: z.record(
    z.string(),
    z.strictObject({
      charm: z.string(),
      base: z.string().regex(/^ubuntu@(22|24)\.04\/stable$/),
      options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    }),
  ),
  relations: z.array(z.tuple([z.string(), z.string()])),
});

describe("the overlay among the examples", () => {
  const { applications, relations } = overlay.parse(parse(textOf(overlayFile)));

  test("deploys this charm as a subordinate: without units, out of the file that the build makes", () => {
    expect(Object.keys(applications)).toEqual([metadata.name]);
    expect(applications[metadata.name]?.charm).toMatch(
      /^\.\.\/\.\.\/dist\/magnum-capi-helm_ubuntu-22\.04-24\.04-(amd64|arm64)\.charm$/,
    );
  });

  test("sets options that the charm accepts, and no secret", () => {
    const { options = {} } = applications[metadata.name] ?? {};
    expect(parseConfig(options, kubeconfigText())).toHaveProperty("chart-version", options["chart-version"]);
    expect(options).not.toHaveProperty("kubeconfig");
  });

  test("relates the charm's own endpoint to the principal's", () => {
    for (const endpoint of Object.keys(metadata.requires)) {
      expect(relations).toContainEqual([`${metadata.name}:${endpoint}`, `magnum:${endpoint}`]);
    }
  });
});

describe("the Terraform plan among the examples", () => {
  test("sets options of the charm, the secret by its URI, and no units", () => {
    const config = /\n {2}config = \{\n([^}]*)\}/.exec(textOf(plan))?.[1] ?? "";
    const names = [...config.matchAll(/^\s*([\w-]+)\s*=/gm)].map(([, name]) => name);
    expect(names).toContain("kubeconfig");
    expect(Object.keys(optionDeclarations)).toEqual(expect.arrayContaining(names));
    expect(config).toContain("secret_uri");
    expect(textOf(plan)).not.toMatch(/^\s*units\s*=/m);
  });

  test("is read by terraform, and has its form", async ({ skip }) => {
    const options = { cwd: root, reject: false, timeout: 60_000 } as const;
    const { exitCode, stdout, stderr, code } = await execa(
      "terraform",
      ["fmt", "-check", "-diff", "-no-color", plan],
      options,
    );
    if (code === "ENOENT") skip("terraform is not installed, and no package of Debian has it");
    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0, stdout: "" });
  });
});
