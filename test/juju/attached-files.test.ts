import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { architecture } from "../../src/conductor/conductor.ts";
import { paths } from "../../src/conductor/paths.ts";
import { commitWish } from "../../src/conductor/wish.ts";
import type { Host } from "../../src/host/host.ts";
import { attachedFiles } from "../../src/juju/attached-files.ts";
import { sha256 } from "../../src/resources/file.ts";
import { hookTools } from "../support/hook-tools.ts";
import { readMetadata } from "../support/juju/charm-metadata.ts";
import { kubeconfigObject, kubeconfigText, logins, secrets } from "../support/kubeconfigs.ts";
import { wish } from "../support/machine/conductor-machine.ts";
import { fakeHelm, fakeTar, helmArchive } from "../support/machine/fake-helm.ts";
import { listing } from "../support/machine/listing.ts";
import { scriptedHost } from "../support/machine/scripted-host.ts";
import { driverWheel, zipOf } from "../support/wheels.ts";

const folder = "/var/lib/juju/agents/unit-magnum-capi-helm-0/resources";
const names = {
  "driver-wheel": "driver-wheel.whl",
  helm: "helm.tar.gz",
  kubeconfig: "management.kubeconfig",
};
type Name = keyof typeof names;

afterEach(() => vi.unstubAllEnvs());

/** A machine on which Juju gives these files. */
async function machine(files: Readonly<Partial<Record<Name, string | Uint8Array>>>) {
  const tools = await hookTools();
  const host = scriptedHost([fakeTar, fakeHelm], { "/var/cache/other": "" });
  const attach = async (name: Name, content: string | Uint8Array) => {
    await host.fs.makeDirectory(folder, { mode: "0755", uid: 0, gid: 0 });
    await host.fs.write(`${folder}/${names[name]}`, content, { mode: "0600", uid: 0, gid: 0 });
    tools.give(name, `${folder}/${names[name]}`);
  };
  for (const [name, content] of Object.entries(files)) await attach(name as Name, content);
  return { host, tools, attach };
}

function look(host: Host, kubeconfig = true) {
  return attachedFiles(host, "capi", { kubeconfig });
}

/** What the first refusal says. */
async function refusal(files: Parameters<typeof machine>[0]): Promise<string> {
  const { host } = await machine(files);
  const before = await listing(host, ["/"], { times: true });
  const found = await look(host);
  expect(await listing(host, ["/"], { times: true })).toEqual(before);
  if (!("faults" in found)) throw new Error(`nothing was refused: ${JSON.stringify(found)}`);
  const [{ cure, reason, remedy }] = found.faults;
  expect(cure).toBe("operator");
  return `${reason}; next: ${remedy}`;
}

describe("attached files", () => {
  test("are none where nobody attached any, or where they are empty", async () => {
    const nothing = { attached: {}, notes: [] };
    expect(await look((await machine({})).host)).toEqual(nothing);
    const empty = await machine({ "driver-wheel": "", helm: "", kubeconfig: "" });
    expect(await look(empty.host)).toEqual(nothing);
  });

  test("bring their versions, and are known by their bytes", async () => {
    const [wheel, helm] = [await driverWheel({ version: "1.5.0" }), helmArchive("3.18.1", architecture)];
    const { host } = await machine({ "driver-wheel": wheel, helm, kubeconfig: kubeconfigText() });
    expect(await look(host)).toEqual({
      attached: {
        "driver-wheel": {
          version: "1.5.0",
          sha256: sha256(wheel),
          from: `${folder}/driver-wheel.whl`,
          remedy: "juju attach-resource capi driver-wheel=FILE",
        },
        helm: {
          version: "3.18.1",
          sha256: sha256(helm),
          from: `${folder}/helm.tar.gz`,
          remedy: "juju attach-resource capi helm=FILE",
        },
      },
      kubeconfig: kubeconfigText(),
      notes: [],
    });
    expect(await host.fs.stat(paths.inspection)).toBeUndefined();
  });

  test("of a known version with other bytes than the published ones are noted, once", async () => {
    const helm = helmArchive("3.17.3", architecture);
    const { host } = await machine({ "driver-wheel": await driverWheel(), helm });
    const found = await look(host);
    if ("faults" in found) throw new Error("refused");
    expect(found.notes).toEqual([
      expect.stringMatching(/^driver-wheel: it is not the published magnum-capi-helm 1\.4\.0: its sha/),
      `helm: it is not the published helm 3.17.3: its sha256 is ${sha256(helm)}`,
    ]);
    await commitWish(host, { ...wish(), attached: found.attached });
    host.commands.length = 0;
    expect(await look(host)).toEqual({ attached: found.attached, notes: [] });
    expect(host.commands).toEqual([]);
  });

  test("of which the kubeconfig is not asked for where a secret is set", async () => {
    const { host, tools } = await machine({ kubeconfig: kubeconfigText() });
    expect(await look(host, false)).toEqual({ attached: {}, notes: [] });
    expect(tools.calls().toSorted()).toEqual(["resource-get driver-wheel", "resource-get helm"]);
  });

  test.each([
    ["that fails", 'echo "ERROR connection is shut down" >&2; exit 1', "ERROR connection is shut down"],
    ["that says nothing", "exit 1", "resource-get gave no answer"],
    ["that names a file which is not there", "printf /nowhere", "resource-get gave no answer"],
  ])("can't be told by a resource-get %s, which time cures", async (_, script, why) => {
    const { host, tools } = await machine({});
    tools.replace("resource-get", script);
    expect(await look(host)).toHaveProperty("faults.0", {
      end: "fault",
      cure: "time",
      reason: `can't fetch the resource kubeconfig: ${why.replace("ERROR ", "")}`,
      remedy: "is the controller reachable?",
    });
  });

  test("that are wrong are all told, those that an operator has to cure first", async () => {
    const { host, tools } = await machine({ helm: "x", "driver-wheel": "x" });
    tools.replace(
      "resource-get",
      `case $1 in kubeconfig) exit 1;; helm) printf ${folder}/helm.tar.gz;; *) printf ${folder}/driver-wheel.whl;; esac`,
    );
    const found = await look(host);
    const reasons = "faults" in found ? found.faults.map(({ reason }) => reason) : [];
    expect(reasons).toEqual([
      expect.stringMatching(/^driver-wheel: /),
      expect.stringMatching(/^helm: /),
      expect.stringMatching(/^can't fetch the resource kubeconfig: /),
    ]);
  });
});

test("metadata.yaml declares the resources that are asked for, as files", async () => {
  const text = await readFile(join(import.meta.dirname, "../../metadata.yaml"), "utf8");
  const { resources } = readMetadata(text);
  const declared = Object.fromEntries(Object.entries(resources).map(([name, { path }]) => [name, path]));
  expect(declared).toEqual(names);
});

describe("a driver-wheel", () => {
  const next = "; next: juju attach-resource capi driver-wheel=FILE";

  test.each<[string, () => Uint8Array | Promise<Uint8Array>, string]>([
    ["is cut off", async () => (await driverWheel()).subarray(0, 200), "no zip archive (or cut off)"],
    ["is 5 MB of anything", () => randomBytes(5_000_000), "no zip archive (or cut off)"],
    [
      "is larger than any",
      () => Buffer.alloc(50 * 1024 * 1024 + 1),
      "too large (52428801 bytes, at most 52428800)",
    ],
    [
      "is another package's",
      () => driverWheel({ name: "magnum" }),
      "a wheel of magnum (not of magnum-capi-helm)",
    ],
    ["is a zip archive", () => zipOf({ a: "" }), "no wheel (a zip archive of something else)"],
    [
      "has a version that says nothing",
      () => driverWheel({ version: "2026.1" }),
      "version 2026.1 (not three numbers)",
    ],
    [
      "has a version out of a shell",
      () => driverWheel({ version: "1.4.0$(id)" }),
      "version 1.4.0$(id) (not three numbers)",
    ],
  ])(
    "that %s is refused by name, with the command that cures it, and nothing is written",
    async (_, bytes, reason) => {
      expect(await refusal({ "driver-wheel": await bytes() })).toBe(`driver-wheel: ${reason}${next}`);
    },
  );

  test.each(["1.4.0", "1.4.0.post1", "1.5.0rc1", "1.4.0.dev3+site.1"])(
    "may have the version %s",
    async (version) => {
      const { host } = await machine({ "driver-wheel": await driverWheel({ version }) });
      expect(await look(host)).toMatchObject({ attached: { "driver-wheel": { version } } });
    },
  );
});

describe("a helm", () => {
  const other = architecture === "amd64" ? "arm64" : "amd64";

  test.each([
    [
      "is no archive",
      randomBytes(5_000_000),
      "can't be unpacked (tar: This does not look like a tar archive)",
    ],
    [
      "is for another architecture",
      helmArchive("3.17.3", other),
      `no linux-${architecture}/helm in it (is it for another architecture?)`,
    ],
    ["says another kind of version", helmArchive("3.17", architecture), "no release (its version is v3.17)"],
    [
      "does not run",
      Buffer.from(`archive of linux-${architecture}/helm `),
      "can't be unpacked (tar: This does not look like a tar archive)",
    ],
  ])(
    "that %s is refused by name, with the command that cures it, and nothing is left",
    async (_, bytes, reason) => {
      expect(await refusal({ helm: bytes })).toBe(
        `helm: ${reason}; next: juju attach-resource capi helm=FILE`,
      );
    },
  );

  test("that does not run here is refused with what the system says", async () => {
    const { host } = await machine({ helm: helmArchive("3.17.3", architecture) });
    const deaf: Host = {
      ...host,
      run: async (argv, options) => {
        if (!argv[0]?.endsWith("/helm")) return await host.run(argv, options);
        return { ok: false, code: 126, stdout: "", stderr: "Exec format error\n", timedOut: false };
      },
    };
    expect(await look(deaf)).toHaveProperty("faults.0.reason", "helm: does not run here (Exec format error)");
    expect(await host.fs.stat(paths.inspection)).toBeUndefined();
  });
});

describe("a kubeconfig", () => {
  test.each([
    ["of white space only", "\n", "it is empty; accepted: a whole kubeconfig in YAML"],
    [
      "that is cut off",
      kubeconfigText().slice(0, 40),
      "it has no list of clusters: is it cut off?; accepted: a whole kubeconfig in YAML",
    ],
    ["of 5 MB", Buffer.alloc(5_000_000, "a"), "too large (5000000 bytes, at most 262144)"],
    ["that is binary", Buffer.from([0x80, 0xff, 1, 2]), "no text"],
    ["with NUL", `${kubeconfigText()}\0`, "no text"],
    [
      "with an exec login",
      JSON.stringify(kubeconfigObject(logins.exec)),
      "its user has exec (not read, line 1); accepted: a token, or certificate and key",
    ],
  ])("%s is refused by name, and its content is in no word", async (_, content, reason) => {
    const said = await refusal({ kubeconfig: content });
    expect(said).toBe(`kubeconfig: ${reason}; next: juju attach-resource capi kubeconfig=FILE`);
    for (const secret of secrets) expect(said).not.toContain(secret);
  });
});
