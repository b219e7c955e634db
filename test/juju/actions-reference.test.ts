import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { memoryHost } from "../../src/host/memory-host.ts";
import { runAction } from "../../src/juju/actions.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/reference/actions.md"), "utf8");

const param = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const schema = z.record(z.string(), z.object({ params: z.record(z.string(), param).default({}) }));
const actions = schema.parse(parse(readFileSync(join(root, "actions.yaml"), "utf8")));
const names = Object.keys(actions);

const section = (name: string) => page.split(`\n## \`${name}\`\n`)[1]?.split("\n## ")[0] ?? "";

/** The rows of the tables of a text, by what stands in their first cell. */
function rowsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^\| `([a-z-]+)` \|(.*)$/gm)].map(([, key = "", rest = ""]) => [key, rest]),
  );
}

describe("docs/reference/actions.md", () => {
  test("has a heading for each action, in their order, and no other", () => {
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual(
      names.map((it) => `\`${it}\``),
    );
  });

  test.each(Object.entries(actions))(
    "names the parameters of %s with what they accept",
    (name, { params }) => {
      const [before = ""] = section(name).split("\nResults:");
      expect([...rowsOf(before).keys()]).toEqual(Object.keys(params));
      for (const [key, { description: _, ...facts }] of Object.entries(params)) {
        const row = rowsOf(before).get(key)?.replaceAll("\\|", "|");
        for (const fact of Object.values(facts)) expect(row).toContain(String(fact));
      }
    },
  );
});

describe("the results of an action, as docs/reference/actions.md lists them", () => {
  const tools = mkdtempSync(join(tmpdir(), "actions-"));
  const said = join(tools, "said");
  beforeAll(() => {
    for (const tool of ["action-get", "action-fail", "action-log", "status-set", "juju-log"])
      hookTool(tool, "");
    hookTool("action-set", `printf '%s\\n' "$@" > ${said}`);
    vi.stubEnv("PATH", tools);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(tools, { recursive: true });
  });

  function hookTool(name: string, script: string): void {
    writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(tools, name), 0o755);
  }

  test.each(names)("%s sets these, and no other", async (name) => {
    const params = { to: "previous", limit: 20, "deferred-only": true };
    hookTool("action-get", `echo '${JSON.stringify(params)}'`);
    await runAction(memoryHost(), name, { config: { code: 0, stdout: "{}" } });
    const keys = [...readFileSync(said, "utf8").matchAll(/^([a-z-]+)=/gm)].map(([, key]) => key);
    const [, results = ""] = section(name).split("\nResults:");
    const always = [...rowsOf(results)]
      .filter(([, rest]) => !rest.includes("only where"))
      .map(([key]) => key);
    expect(always).toEqual(keys);
  });
});
