import { afterEach, describe, expect, test, vi } from "vitest";
import { apply } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, readText } from "../../src/host/host.ts";
import { runAction } from "../../src/juju/actions.ts";
import { healHook, reconcileHook, undoHook } from "../../src/juju/charm.ts";
import type { Asked } from "../../src/juju/quiet.ts";
import { hookTools } from "../support/hook-tools.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { listing } from "../support/machine/listing.ts";

vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

const uri = "secret:d0bsnaj8mtb47d5kqv0g";
const other = { charmDirectory: "/var/lib/juju/agents/unit-capi-0/charm", unitName: "capi/0" };
const told =
  "status-set blocked -- another unit keeps the graft: capi/0; next: remove one of the two applications";

const asked: Asked = {
  config: { code: 0, stdout: JSON.stringify(wish().options) },
  secret: { uri, answer: { code: 0, stdout: JSON.stringify({ kubeconfig: kubeconfigText() }) } },
};

/** The hook commands of the unit `again/0`, on a machine that `capi/0` keeps grafted. */
async function besideAnother() {
  const { host } = await conductorMachine();
  await host.fs.makeDirectory(other.charmDirectory, { mode: "0755", uid: 0, gid: 0 });
  await host.fs.write(`${other.charmDirectory}/metadata.yaml`, "", { mode: "0644", uid: 0, gid: 0 });
  await apply(host, { ...wish(), ...other });
  const tools = await hookTools();
  vi.stubEnv("JUJU_UNIT_NAME", "again/0");
  return { host, tools };
}

async function touchesNothing(host: Host, work: () => Promise<unknown>) {
  const before = await listing(host, ["/etc", "/usr", "/var"], { times: true });
  await work();
  expect(await listing(host, ["/etc", "/usr", "/var"], { times: true })).toEqual(before);
}

describe("a unit beside another one that keeps the graft", () => {
  test.each<[string, (host: Host) => Promise<void>]>([
    ["a hook", (host) => reconcileHook(host, asked)],
    ["the watch's hook", healHook],
  ])("touches nothing in %s, and is blocked with the other's name", async (_, hook) => {
    const { host, tools } = await besideAnother();
    await touchesNothing(host, () => hook(host));
    expect(tools.calls()).toContain(told);
  });

  test.each(["plan", "apply", "verify", "rollback", "restart-services"])(
    "fails the action %s with the same words",
    async (name) => {
      const { host, tools } = await besideAnother();
      tools.replace("action-get", "echo '{}'");
      await touchesNothing(host, () => runAction(host, name, asked));
      const calls = tools.calls();
      expect(calls).toContain(told.replace("status-set blocked", "action-fail"));
      expect(calls.join("\n")).not.toContain("status-set");
    },
  );

  test("takes nothing back when it goes, and takes over when the other went", async () => {
    const { host, tools } = await besideAnother();
    vi.stubEnv("JUJU_DISPATCH_PATH", "hooks/remove");
    await touchesNothing(host, () => undoHook(host));
    expect(tools.calls()).toEqual(["juju-log -l INFO -- left alone: capi/0 keeps the graft here"]);
    await host.fs.removeTree("/var/lib/juju");
    await reconcileHook(host, asked);
    expect(tools.calls()).toContain("status-set active -- Unit is ready");
    expect(await readText(host.fs, paths.command)).toContain(process.cwd());
    await undoHook(host);
    expect(await host.fs.stat(paths.state)).toBeUndefined();
  });
});
