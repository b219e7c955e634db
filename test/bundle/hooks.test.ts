import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildCharm } from "../../build/build.ts";
import { hostArch } from "../../build/node-binary.ts";
import { paths } from "../../src/conductor/paths.ts";
import { takeSignature } from "../../src/conductor/signature.ts";
import { createUnit, type Unit, type UnitOptions } from "../support/juju/unit.ts";
import { kubeconfigText, secrets } from "../support/kubeconfigs.ts";
import { bareMachine, canIsolate, makeWorkspace } from "./bare-machine.ts";

const app = "magnum-capi-helm";
const kubeconfig = kubeconfigText();

/** Hooks that look at the unit. */
const looking = [
  "install",
  "juju-info-relation-created",
  "leader-elected",
  "config-changed",
  "start",
  "juju-info-relation-joined",
  "juju-info-relation-changed",
  "update-status",
  "secret-changed",
  "upgrade-charm",
];

/** Hooks that look at all of it, whatever the last one found. */
const loud = new Set(["leader-elected", "upgrade-charm"]);

/** Hooks that leave its status to Juju. */
const leaving = ["juju-info-relation-departed", "juju-info-relation-broken", "stop", "remove"];

let workspace: string;
let charm: string;
let isIsolated: boolean;
let count = 0;

beforeAll(async () => {
  workspace = await makeWorkspace();
  charm = (await buildCharm({ arch: hostArch() ?? "amd64", out: join(workspace, "dist") })).path;
  isIsolated = await canIsolate(workspace);
});

afterAll(() => rm(workspace, { recursive: true, force: true }));

beforeEach(async ({ skip }) => {
  if (!isIsolated) skip("this host lets nobody have mounts of their own (unshare)");
  await rm(stateFolder(), { recursive: true, force: true });
});

function stateFolder(): string {
  return join(workspace, "lib", basename(paths.state));
}

/** Every file below /var/lib with its digest. */
async function files(): Promise<Readonly<Record<string, string>>> {
  const found = await readdir(join(workspace, "lib"), { recursive: true, withFileTypes: true });
  const entries = found
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }): Promise<[string, string]> => {
      const content = await readFile(join(parentPath, name));
      return [name, createHash("sha256").update(content).digest("hex")];
    });
  return Object.fromEntries((await Promise.all(entries)).sort());
}

interface Made {
  readonly unit: Unit;
  readonly uri: string;
}

async function deployed(options: Partial<UnitOptions> = {}): Promise<Made> {
  count += 1;
  const jujuDir = join(workspace, `juju-${count}`);
  const machine = bareMachine(workspace);
  const unit = await createUnit(machine, { charm, jujuDir, hookTimeoutMs: 60_000, ...options });
  const uri = await unit.addSecret({ kubeconfig });
  await unit.deploy();
  return { unit, uri };
}

async function withSecret(options: Partial<UnitOptions> = {}): Promise<Made> {
  const made = await deployed(options);
  await made.unit.grantSecret(made.uri);
  await made.unit.configure({ kubeconfig: made.uri });
  return made;
}

/** A unit whose last look found it in line: what that left behind, written by hand. */
async function grafted(options: Partial<UnitOptions> = {}): Promise<Made> {
  const made = await withSecret(options);
  const { unit, uri } = made;
  const asked = ["-u", unit.name, "--", "config-get", "--format=json"];
  const { stdout: config } = await bareMachine(workspace).exec([unit.jujuExec, ...asked]);
  const folder = stateFolder();
  await mkdir(folder, { mode: 0o700 });
  const last = { inLine: true, takenAt: Date.now(), config, secret: uri };
  const program = `${unit.charmFolder}/dist/main.cjs`;
  const signature = takeSignature(last, { files: [program], processes: [] });
  const own = { [paths.signature]: signature, [paths.desired]: { options: { kubeconfig: uri } } };
  for (const [path, content] of Object.entries(own))
    await writeFile(join(folder, basename(path)), `${JSON.stringify(content)}\n`, { mode: 0o600 });
  await writeFile(join(folder, basename(paths.desiredKubeconfig)), kubeconfig, { mode: 0o600 });
  return made;
}

interface State {
  readonly title: string;
  make(options: Partial<UnitOptions>): Promise<Made>;
  readonly status: string;
  message(uri: string): string;
}

const absent = "waiting for magnum-conductor to be installed: /etc/init.d/magnum-conductor is not there";

/** Each is a unit on which nothing may be written. */
const states: readonly State[] = [
  {
    title: "fresh",
    make: deployed,
    status: "blocked",
    message: () => `the option kubeconfig is not set; next: juju config ${app} kubeconfig=secret:ID`,
  },
  {
    title: "whose config is invalid",
    make: async (options) => {
      const made = await withSecret(options);
      await made.unit.configure({ "chart-version": "latest" });
      return made;
    },
    status: "blocked",
    message: () => "chart-version: latest; accepted: an exact version of three numbers, such as 0.25.1",
  },
  {
    title: "whose secret was not granted",
    make: async (options) => {
      const made = await deployed(options);
      await made.unit.configure({ kubeconfig: made.uri });
      return made;
    },
    status: "blocked",
    message: (uri) => `kubeconfig is not granted; next: juju grant-secret ${uri} ${app}`,
  },
  {
    title: "whose secret is gone",
    make: async (options) => {
      const made = await withSecret(options);
      await made.unit.removeSecret(made.uri);
      await made.unit.runHook("update-status");
      return made;
    },
    status: "blocked",
    message: () => `the secret of kubeconfig is gone; next: juju config ${app} kubeconfig=secret:ID`,
  },
  {
    title: "whose secret lacks the key",
    make: async (options) => {
      const made = await withSecret(options);
      await made.unit.updateSecret(made.uri, { config: kubeconfig });
      return made;
    },
    status: "blocked",
    message: (uri) => `no key kubeconfig in it; next: juju update-secret ${uri} kubeconfig#file=PATH`,
  },
  {
    title: "without Magnum",
    make: withSecret,
    status: "waiting",
    message: () => absent,
  },
];

/** No credential is in what Juju was told, or in a file of the unit that others can read. */
async function expectNoSecret(unit: Unit): Promise<void> {
  // What secret-get answers is what it is for.
  const calls = (await unit.calls()).map((it) => (it.command === "secret-get" ? { ...it, stdout: "" } : it));
  const told = JSON.stringify([await unit.log(), calls, await unit.status()]);
  for (const secret of secrets) expect(told).not.toContain(secret);
}

/** A test walks a unit through its whole life, on a machine that may be busy. */
const life = 600_000;

test.each(states)(
  "a unit $title has the same status after every hook, and nothing written",
  async (state) => {
    const { unit, uri } = await state.make({});
    for (const name of looking) {
      const { code, calls } = await unit.runHook(name);
      const told = { status: state.status, message: state.message(uri) };
      expect([name, code, await unit.status()]).toEqual([name, 0, told]);
      // The application has that status since the first of the hooks.
      const set = calls.filter(({ command }) => command === "status-set");
      expect(set.map(({ argv }) => argv.includes("--application"))).toEqual([false]);
    }
    for (const name of leaving) {
      const { code, calls } = await unit.runHook(name);
      expect([name, code, calls.map(({ command }) => command)]).toEqual([name, 0, []]);
    }
    expect(await files()).toEqual({});
    await expectNoSecret(unit);
  },
  life,
);

test(
  "a unit that was found in line asks two things in a hook that is not loud, and leaves its status and its files",
  async () => {
    const { unit } = await grafted();
    const [status, before] = [await unit.status(), await files()];
    for (const name of looking.filter((it) => !loud.has(it))) {
      const { code, calls } = await unit.runHook(name);
      const commands = calls.map(({ command }) => command).sort();
      expect([name, code, commands]).toEqual([name, 0, ["config-get", "secret-get"]]);
    }
    const ofPeers = await unit.runHook("peers-relation-changed", { remoteUnit: `${app}/1` });
    expect([ofPeers.code, ofPeers.calls]).toEqual([0, []]);
    expect([await unit.status(), await files()]).toEqual([status, before]);
    await expectNoSecret(unit);
  },
  life,
);

test(
  "a unit of another application beside it, with the same options, is blocked by every hook, and writes nothing",
  async () => {
    const { unit } = await grafted();
    const owner = { layout: 1, unitName: unit.name, charmDirectory: unit.charmFolder };
    await writeFile(join(stateFolder(), basename(paths.owner)), JSON.stringify(owner), { mode: 0o600 });
    const before = await files();
    const { unit: second } = await withSecret({ application: "again" });
    const message = `another unit keeps the graft: ${unit.name}; next: remove one of the two applications`;
    for (const name of looking) {
      const { code } = await second.runHook(name);
      expect([name, code, await second.status()]).toEqual([name, 0, { status: "blocked", message }]);
    }
    for (const name of leaving) expect((await second.runHook(name)).code).toBe(0);
    expect(await files()).toEqual(before);
  },
  life,
);

describe.each(["3.6.28", "4.0.15"] as const)("under Juju %s, a unit", { timeout: life }, (juju) => {
  test.each<[title: string, change: (made: Made) => Promise<unknown>, message: (uri: string) => string]>([
    [
      "the grant was revoked",
      ({ unit, uri }) => unit.revokeSecret(uri),
      (uri) => `grant revoked, unit serves on; next: juju grant-secret ${uri} ${app}`,
    ],
    [
      "the secret was removed",
      ({ unit, uri }) => unit.removeSecret(uri),
      () => `secret is gone, unit serves on; next: juju config ${app} kubeconfig=secret:ID`,
    ],
  ])("that was in line when %s says so, and keeps what is in force", async (_, change, message) => {
    const made = await grafted({ juju });
    const { [basename(paths.signature)]: _signature, ...before } = await files();
    await change(made);
    const { code } = await made.unit.runHook("update-status");
    const { [basename(paths.signature)]: _marked, ...after } = await files();
    expect([code, await made.unit.status()]).toEqual([0, { status: "blocked", message: message(made.uri) }]);
    expect(after).toEqual(before);
    await expectNoSecret(made.unit);
  });

  test("notices a grant, which fires no hook, in update-status", async () => {
    const { unit, uri } = await deployed({ juju });
    await unit.configure({ kubeconfig: uri });
    await unit.grantSecret(uri);
    await unit.runHook("update-status");
    expect(await unit.status()).toEqual({ status: "waiting", message: absent });
  });

  test("looks at a new revision of the secret in secret-changed, and not at the same again", async () => {
    const { unit, uri } = await grafted({ juju });
    await unit.runHook("update-status");
    expect((await unit.updateSecret(uri, { kubeconfig })).calls).toEqual([]);
    const { calls } = await unit.updateSecret(uri, { kubeconfig: `${kubeconfig}# new\n` });
    expect(calls.map(({ command }) => command)).toContain("status-set");
  });

  test.each(["capi-mgmt", "secret:short", kubeconfig])(
    "refuses the option kubeconfig in words where it is no secret's address, without asking for it or showing it",
    async (value) => {
      const { unit, uri } = await withSecret({ juju });
      const hook = await unit.configure({ kubeconfig: value }).catch((error: Error) => error);
      // Where Juju itself refuses the value, the option stays what it was.
      if (hook instanceof Error) return expect(await unit.status()).toMatchObject({ status: "waiting" });
      const { status, message } = await unit.status();
      expect([status, message]).toEqual([
        "blocked",
        expect.stringMatching(/^kubeconfig is (a name|no secret)/),
      ]);
      expect(hook.calls.map(({ command }) => command)).not.toContain("secret-get");
      await expectNoSecret(unit);
      expect(uri).toMatch(/^secret:/);
    },
  );
});

describe("the status of the application", { timeout: life }, () => {
  test("is set by the leader where it is another one, and never twice", async () => {
    const { unit } = await deployed();
    const set = async () => {
      const calls = (await unit.calls()).filter(({ argv }) => argv.includes("--application"));
      return calls.filter(({ command }) => command === "status-set").map(({ argv }) => argv);
    };
    const message = states[0]?.message("") ?? "";
    expect(await set()).toEqual([["--application", "blocked", "--", message]]);
    await unit.runHook("update-status");
    expect(await set()).toHaveLength(1);
  });

  test("is left alone by a unit that does not lead", async () => {
    const { unit } = await deployed({ leader: false });
    await unit.runHook("update-status");
    const calls = (await unit.calls()).filter(({ argv }) => argv.includes("--application"));
    expect(calls).toEqual([]);
    expect(await unit.status()).toMatchObject({ status: "blocked" });
  });
});
