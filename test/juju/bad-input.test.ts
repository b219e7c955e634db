import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { apply } from "../../src/conductor/graft.ts";
import { optionDeclarations } from "../../src/conductor/options.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { reconcileUnit } from "../../src/juju/charm.ts";
import { columns } from "../../src/juju/message.ts";
import type { Asked } from "../../src/juju/quiet.ts";
import { badValues } from "../support/bad-values.ts";
import { hookTools } from "../support/hook-tools.ts";
import { kubeconfigText, secrets } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

const { options: good } = wish();
const uri = good.kubeconfig;

interface Given {
  readonly options?: Readonly<Record<string, unknown>>;
  readonly secret?: Readonly<Record<string, string>>;
}

function asked({ options = {}, secret = { kubeconfig: kubeconfigText() } }: Given): Asked {
  return {
    config: { code: 0, stdout: JSON.stringify({ ...good, ...options }) },
    secret: { uri, answer: { code: 0, stdout: JSON.stringify(secret) } },
  };
}

let machine: Awaited<ReturnType<typeof conductorMachine>>;
beforeAll(async () => {
  machine = await conductorMachine();
  const { options, kubeconfig } = wish();
  expect(await apply(machine.host, { options, kubeconfig })).toMatchObject({ end: "report" });
});

/** The status that bad input gives a grafted unit, on which nothing but our note of the last look may change. */
async function refused(given: Given): Promise<string> {
  const { host } = machine;
  const tools = await hookTools();
  const all = () => listing(host, ["/etc", "/usr", "/var/lib"], { times: true });
  const withoutNote = async () =>
    Object.entries(await all()).filter(([path]) => !path.endsWith("/signature.json"));
  const [before, committed] = [await withoutNote(), await committedWish(host)];
  host.commands.length = 0;
  const { status } = await reconcileUnit(host, asked(given), { trigger: "hook config-changed" });
  expect(status.status).toBe("blocked");
  expect(status.message.length).toBeLessThanOrEqual(columns);
  expect(status.message).toMatch(/^[\x20-\x7e]+$/);
  expect(await withoutNote()).toEqual(before);
  expect(await committedWish(host)).toEqual(committed);
  expect(restarts(host.commands)).toEqual([]);
  const calls = tools.calls();
  expect(calls.filter((it) => it.startsWith("status-set"))).toEqual([
    `status-set blocked -- ${status.message}`,
  ]);
  expect(calls.join("\n").length).toBeLessThan(3_000);
  for (const secret of secrets) expect(calls.join("\n")).not.toContain(secret);
  return status.message;
}

describe.each(Object.keys(optionDeclarations).filter((it) => it !== "kubeconfig"))(
  "a grafted unit",
  (option) => {
    test.each(["a list", "a map that is no text", "1 MB of NUL"])(
      `refuses ${option} with %s, and serves on`,
      async (kind) => {
        const message = await refused({ options: { [option]: badValues("x")[kind] } });
        expect(message).toMatch(new RegExp(`^${option}(:| is).*; accepted: `));
      },
    );
  },
);

describe("a grafted unit refuses a secret", () => {
  const text = kubeconfigText();
  const cure = /^kubeconfig: it .*; accepted: /;
  test.each<[kind: string, secret: Readonly<Record<string, string>>, message: RegExp]>([
    ["without a key", {}, /^no key kubeconfig in it; next: /],
    ["with another key", { config: text }, /^no key kubeconfig in it; next: /],
    ["that is empty", { kubeconfig: "" }, /^its kubeconfig is empty; next: /],
    ["of blanks", { kubeconfig: " \n\t\n" }, /^its kubeconfig is empty; next: /],
    ["that is cut off", { kubeconfig: text.slice(0, 150) }, cure],
    ["of 5 MB", { kubeconfig: text + "# x\n".repeat(1_250_000) }, cure],
    ["of 5 MB that are no text", { kubeconfig: "\0\u0001".repeat(2_500_000) }, cure],
    ["with a NUL", { kubeconfig: `${text}# \0\n` }, cure],
    ["that is deep", { kubeconfig: `${text}x: ${"[".repeat(100_000)}` }, cure],
    ["with a name twice", { kubeconfig: `${text}kind: Config\n` }, cure],
    ["with two documents", { kubeconfig: `${text}---\n${text}` }, cure],
    ["with a tag", { kubeconfig: text.replace("token: ", "token: !!python/name:x ") }, cure],
    ["with tabs", { kubeconfig: text.replaceAll("  ", "\t") }, cure],
  ])("%s, and serves on", async (_, secret, message) => {
    const began = performance.now();
    expect(await refused({ secret })).toMatch(message);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test("a unit that was given all of these is ready when the last is set right", async () => {
  await hookTools();
  const { status } = await reconcileUnit(machine.host, asked({}), { trigger: "hook config-changed" });
  expect(status).toEqual({ status: "active", message: "Unit is ready" });
});
