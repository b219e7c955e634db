import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { acceptedBy, optionsPage, renderOptions } from "../../build/reference.ts";
import { parseConfig } from "../../src/conductor/config.ts";
import { desiredState } from "../../src/conductor/desired-state.ts";
import { fuseFor } from "../../src/conductor/fuse.ts";
import { type OptionName, optionDeclarations } from "../../src/conductor/options.ts";
import { turnGate } from "../../src/conductor/turn.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";

const ca = join(import.meta.dirname, "../fixtures/ca/ca.pem");
const page = readFileSync(optionsPage, "utf8");

/** The part of a page below one of its headings of level 2. */
function section(text: string, heading: string): string {
  const at = `\n${text}`.split(`\n## ${heading}\n`)[1];
  return at?.split("\n## ")[0] ?? "";
}

describe("docs/reference/options.md", () => {
  test("is what npm run docs writes", () => {
    expect(page === renderOptions(), "it differs from the options: npm run docs").toBe(true);
  });

  test("has a heading for each option, in their order", () => {
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(Object.keys(optionDeclarations));
  });

  test.each(Object.entries(optionDeclarations))("says all that is declared of %s", (name, option) => {
    const text = section(page, name);
    expect(text).toContain(option.description);
    expect(text).toContain(`- type: ${option.type}`);
    const { default: value = "it has to be set" } = option;
    expect(text).toContain(value === "" ? "empty" : String(value));
  });

  test("says what each option accepts, in the words of its refusal", () => {
    const restricted = Object.keys(optionDeclarations).filter((name) => name !== "kubeconfig");
    for (const name of restricted) {
      const accepted = acceptedBy(name as OptionName);
      expect(accepted, name).toBeDefined();
      expect(section(page, name)).toContain(`- accepted: ${accepted}`);
      expect(parseConfig({ [name]: "~" }, kubeconfigText())).toContainEqual({
        option: name,
        value: "~",
        accepted,
      });
    }
  });
});

describe("docs/reference/gates.md", () => {
  test("describes every gate of a unit, and none that there is not", () => {
    const set = {
      "enable-auto-restarts": false,
      "capi-helm-options": "{octavia_provider: ovn}",
      "openstack-ca": readFileSync(ca, "utf8"),
    };
    const proxies = { http: "", https: "http://proxy:3128", no: "" };
    const config = parseConfig(set, kubeconfigText(), { proxies });
    if (!("kubeconfig" in config)) throw new Error("the options of this test are refused");
    const free = desiredState({ ...config, "enable-auto-restarts": true }, conductorFacts, {});
    const asked = desiredState(config, conductorFacts, { thorough: true });
    const { resources, settleGates = [], exitGates, notes = [], permits } = asked;
    const kubeconfig = { id: "file:/etc/magnum/kubeconfig", action: "update", drift: [] } as const;
    const turns = [turnGate({ reason: "x" }, [])];
    const gates = [
      ...resources.flatMap(({ preflight = [], gates: own = [] }) => [...preflight, ...own]),
      ...[...resources, ...free.resources].flatMap(({ deferral }) => deferral ?? []),
      ...(permits?.([kubeconfig]) ?? []),
      ...settleGates,
      ...exitGates,
      ...notes,
      ...turns,
      fuseFor(memoryHost(), { limit: 1, windowMinutes: 1 }).gate("file:/etc/x"),
    ];
    const text = readFileSync(join(dirname(optionsPage), "gates.md"), "utf8");
    const described = [...text.matchAll(/^(?:##+ |\| )`([a-z-]+)`(?:, `([a-z-]+)`)?/gm)].flatMap(
      ([, ...ids]) => ids.filter((id) => id !== undefined),
    );
    expect(new Set(described)).toEqual(new Set(gates.map(({ id }) => id)));
  });
});
