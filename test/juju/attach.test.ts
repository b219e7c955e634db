import { afterEach, describe, expect, test, vi } from "vitest";
import { paths } from "../../src/conductor/paths.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { healHook, reconcileUnit } from "../../src/juju/charm.ts";
import type { Asked } from "../../src/juju/quiet.ts";
import { lastSignature } from "../../src/juju/signer.ts";
import { hookTools } from "../support/hook-tools.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { architecture, conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { helmArchive } from "../support/machine/fake-helm.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";
import { driverWheel } from "../support/wheels.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

const folder = "/var/lib/juju/agents/unit-capi-0/resources";
const nothing = { kubeconfig: "", "helm-url": "http://nowhere/helm", "helm-sha256": "" };

function asked(options: Readonly<Record<string, unknown>> = nothing): Asked {
  return { config: { code: 0, stdout: JSON.stringify(options) } };
}

/** A conductor that reaches nothing, and the hook commands of its unit. */
async function site() {
  const machine = await conductorMachine();
  machine.python.refusal = "ERROR: no route to host\n";
  machine.host.web.clear();
  const tools = await hookTools();
  vi.stubEnv("JUJU_UNIT_NAME", "capi/0");
  const attach = async (name: string, content: string | Uint8Array) => {
    await machine.host.fs.makeDirectory(folder, { mode: "0755", uid: 0, gid: 0 });
    await machine.host.fs.write(`${folder}/${name}`, content, { mode: "0600", uid: 0, gid: 0 });
    tools.give(name, `${folder}/${name}`);
  };
  const hook = async (options?: Readonly<Record<string, unknown>>) => {
    const { status } = await reconcileUnit(machine.host, asked(options), { trigger: "hook upgrade-charm" });
    return status;
  };
  return { ...machine, tools, attach, hook };
}

async function grafted() {
  const it = await site();
  await it.attach("kubeconfig", kubeconfigText());
  await it.attach("driver-wheel", await driverWheel());
  await it.attach("helm", helmArchive("3.17.3", architecture));
  expect(await it.hook()).toEqual({ status: "active", message: "Unit is ready" });
  return it;
}

describe("a unit whose three resources are attached", () => {
  test("is grafted without any network, and shows the version of the wheel", async () => {
    const it = await site();
    expect(await it.hook()).toEqual({
      status: "blocked",
      message: "set the kubeconfig: juju config capi kubeconfig=secret:ID",
    });
    await it.attach("kubeconfig", kubeconfigText());
    await it.attach("driver-wheel", await driverWheel({ version: "1.4.2" }));
    await it.attach("helm", helmArchive("3.18.1", architecture));
    it.tools.calls();
    expect(await it.hook()).toEqual({ status: "active", message: "Unit is ready" });
    expect(it.tools.calls()).toContain("application-version-set -- 1.4.2");
    expect(await committedWish(it.host)).toMatchObject({ kubeconfig: kubeconfigText() });
    expect(await lastSignature(it.host)).toMatchObject({ inLine: true, secret: "" });
  });

  test.each([
    ["driver-wheel", Buffer.from("no wheel"), "resource driver-wheel: it is no zip archive (or cut off)"],
    [
      "helm",
      Buffer.from("no helm"),
      "resource helm: it can't be unpacked: tar: This does not look like a tar archive",
    ],
    [
      "kubeconfig",
      Buffer.from("{}"),
      "resource kubeconfig: it has no list of clusters: is it cut off?; accepted: a whole kubeconfig in YAML",
    ],
  ])(
    "is blocked by a wrong %s, keeps serving, heals, and is cured by the right one",
    async (name, bytes, reason) => {
      const it = await grafted();
      const before = await listing(it.host, ["/etc", "/usr/local"], { times: true });
      const good = (await it.host.fs.read(`${folder}/${name}`)) ?? new Uint8Array();
      await it.attach(name, bytes);
      it.host.commands.length = 0;
      it.tools.calls();
      const message = `${reason}; next: juju attach-resource capi ${name}=FILE`;
      expect(await it.hook()).toEqual({ status: "blocked", message });
      expect(it.tools.calls()).toEqual(expect.arrayContaining([`juju-log -l ERROR -- ${message}`]));
      expect(await listing(it.host, ["/etc", "/usr/local"], { times: true })).toEqual(before);
      expect(restarts(it.host.commands)).toEqual([]);
      expect(await lastSignature(it.host)).toMatchObject({ inLine: false, blocked: true });

      await it.host.fs.remove(paths.kubeconfig);
      await healHook(it.host);
      expect(await it.host.fs.stat(paths.kubeconfig)).toBeDefined();
      expect(it.tools.calls().filter((line) => line.startsWith("status-set"))).toEqual([]);

      await it.attach(name, good);
      expect(await it.hook()).toEqual({ status: "active", message: "Unit is ready" });
    },
  );

  test("takes a new kubeconfig without a restart, and prefers a secret that is set", async () => {
    const it = await grafted();
    const next = kubeconfigText({ comment: "next" });
    await it.attach("kubeconfig", next);
    it.host.commands.length = 0;
    await it.hook();
    expect((await committedWish(it.host))?.kubeconfig).toBe(next);
    expect(restarts(it.host.commands)).toEqual([]);
    it.tools.replace("secret-get", `printf '%s' '${JSON.stringify({ kubeconfig: kubeconfigText() })}'`);
    expect(await it.hook({ ...nothing, kubeconfig: "secret:x" })).toMatchObject({ status: "active" });
    expect((await committedWish(it.host))?.kubeconfig).toBe(kubeconfigText());
  });

  test("whose kubeconfig is emptied is told to set one, and keeps serving", async () => {
    const it = await grafted();
    await it.attach("kubeconfig", "");
    expect(await it.hook()).toMatchObject({
      status: "blocked",
      message: expect.stringMatching(/^set the kubec/),
    });
    expect(await it.host.fs.stat(paths.kubeconfig)).toBeDefined();
  });

  test("whose wheel and helm are emptied takes what the options name", async () => {
    const it = await grafted();
    const record = it.python.installed?.record;
    await it.attach("driver-wheel", "");
    await it.attach("helm", "");
    it.python.refusal = "";
    it.host.web.set(it.helmUrl, helmArchive("3.17.3", architecture));
    const { "helm-url": url, "helm-sha256": digest } = wish().options;
    expect(await it.hook({ kubeconfig: "", "helm-url": url, "helm-sha256": digest })).toMatchObject({
      status: "active",
    });
    expect((await committedWish(it.host))?.attached).toBeUndefined();
    expect(it.python.installed?.record).not.toBe(record);
  });

  test("waits where the controller gives no answer, keeps serving, and asks again", async () => {
    const it = await grafted();
    it.tools.replace("resource-get", 'echo "ERROR connection is shut down" >&2; exit 1');
    expect(await it.hook()).toEqual({
      status: "waiting",
      message:
        "can't fetch the resource kubeconfig: connection is shut down; next: is the controller reachable?",
    });
    expect(await lastSignature(it.host)).toMatchObject({ blocked: true });
  });

  test("is looked at again where another run kept this one from looking", async () => {
    const it = await grafted();
    const deaf = { ...it.host, lock: async () => undefined };
    const { status } = await reconcileUnit(deaf, asked(), { trigger: "hook upgrade-charm" });
    expect(status).toMatchObject({ status: "waiting" });
    expect(await lastSignature(it.host)).toBeUndefined();
  });
});
