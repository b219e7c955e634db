import { chmod, cp, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, test } from "vitest";
import { projectRoot } from "../../build/build.ts";
import { paths } from "../../src/conductor/paths.ts";
import { scratchFolder } from "./scratch.ts";

/** Writes what it was given into a file beside itself, with the shell's own commands only. */
const recorder = `#!/bin/sh
printf '%s\\n' "cwd=$PWD" "home=$HOME" "hook=$JUJU_HOOK_NAME" "$@" >"\${0%/*}/called"
`;

/** The same, and what is in the two files that it was given. */
const reader = `${recorder}cat "$3" >"\${0%/*}/config"
cat "$4" >"\${0%/*}/secret"
`;

let charm: string;

beforeEach(async () => {
  charm = await scratchFolder();
  await cp(join(projectRoot, "hooks"), join(charm, "hooks"), { recursive: true, verbatimSymlinks: true });
  await mkdir(join(charm, "bin"));
  await mkdir(join(charm, "tools"));
  await writeProgram("bin/node", recorder);
  await writeProgram("tools/status-set", recorder);
  await writeProgram("tools/config-get", "#!/bin/sh\n");
  await writeFile(join(charm, "bin/loader"), `${process.execPath}\n`);
});

const hooks = [
  "config-changed",
  "install",
  ...["broken", "changed", "created", "departed", "joined"].map((event) => `juju-info-relation-${event}`),
  "leader-elected",
  ...["broken", "changed", "created", "departed", "joined"].map((event) => `peers-relation-${event}`),
  "remove",
  "secret-changed",
  "start",
  "stop",
  "update-status",
  "upgrade-charm",
];

describe("the stub behind every hook", () => {
  test("is what the link of each hook in a unit's life points at", async () => {
    const targets = await Promise.all(hooks.map((name) => readlink(join(projectRoot, "hooks", name))));
    expect(new Set(targets)).toEqual(new Set(["stub"]));
    expect((await readdir(join(projectRoot, "hooks"))).sort()).toEqual([...hooks, "stub"].sort());
  });

  test("hands over to the program under the charm's Node, with a HOME", async () => {
    await runHook("hooks/install", { JUJU_HOOK_NAME: "install" });
    expect(await called("bin/node")).toEqual([
      `cwd=${charm}`,
      "home=/root",
      "hook=install",
      "./dist/main.cjs",
      "hook",
      expect.stringMatching(/^\/dev\/fd\//),
      expect.stringMatching(/^\/dev\/fd\//),
    ]);
    expect(await called("tools/status-set")).toBeUndefined();
  });

  test("lets nothing that it starts leave a core, which would hold the kubeconfig", async () => {
    await writeProgram(
      "bin/node",
      `#!/bin/sh\nulimit -S -c >"\${0%/*}/soft"\nulimit -H -c >"\${0%/*}/hard"\n`,
    );
    await runHook("hooks/config-changed");
    const limits = ["soft", "hard"].map((limit) => readFile(join(charm, "bin", limit), "utf8"));
    expect(await Promise.all(limits)).toEqual(["0\n", "0\n"]);
  });

  test.each([
    ["its answer", 'echo "{\\"a\\":1} $*"', '{"a":1} --format=json\n\0' + "0"],
    ["its failure", "exit 3", "\0" + "3"],
  ])("asks for the options and hands over %s", async (_, script, handedOver) => {
    await writeProgram("bin/node", reader);
    await writeProgram("tools/config-get", `#!/bin/sh\n${script}\n`);
    await runHook("hooks/config-changed", { JUJU_DISPATCH_PATH: "hooks/config-changed" });
    expect(await readFile(join(charm, "bin/config"), "utf8")).toBe(handedOver);
  });

  test("asks for no secret where no signature names one, and knows where the program keeps it", async () => {
    await writeProgram("bin/node", reader);
    await writeProgram("tools/secret-get", recorder);
    expect((await runHook("hooks/install")).stderr).toBe("");
    expect(await readFile(join(charm, "bin/secret"), "utf8")).toBe("");
    expect(await called("tools/secret-get")).toBeUndefined();
    expect(await readFile(join(charm, "hooks/stub"), "utf8")).toContain(`<${paths.signature} `);
  });

  test("asks for the secret that the signature names", async () => {
    const signature = join(charm, "signature.json");
    const text = { config: '{"a":"\\"secret\\":\\"secret:wrong\\""}\n', secret: "secret:cvq", files: {} };
    await writeFile(signature, `${JSON.stringify(text)}\n`);
    await writeProgram("bin/node", reader);
    await writeProgram("tools/secret-get", '#!/bin/sh\nprintf "%s" "$*"\n');
    const stub = await readFile(join(charm, "hooks/stub"), "utf8");
    await writeFile(join(charm, "hooks/stub"), stub.replace(paths.signature, signature));
    await runHook("hooks/update-status", { JUJU_DISPATCH_PATH: "hooks/update-status" });
    expect(await readFile(join(charm, "bin/secret"), "utf8")).toBe(
      "--format=json --refresh secret:cvq\0" + "0",
    );
  });

  test.each([
    "stop",
    "remove",
    "juju-info-relation-departed",
    "juju-info-relation-broken",
    "peers-relation-changed",
  ])("asks for nothing in %s", async (hook) => {
    await writeProgram("tools/config-get", recorder);
    await runHook(`hooks/${hook}`, { JUJU_DISPATCH_PATH: `hooks/${hook}` });
    expect((await called("bin/node"))?.slice(3)).toEqual(["./dist/main.cjs", "hook"]);
    expect(await called("tools/config-get")).toBeUndefined();
  });

  const actions = [
    "verify",
    "restart-services",
    "rollback",
    "show-effective-config",
    "heal-log",
    "upgrade-check",
  ];

  test("is behind every action, and asks for the options where an action needs them", async () => {
    const links = await readdir(join(projectRoot, "actions"));
    expect(links.sort()).toEqual([...actions, "apply", "plan"].sort());
    for (const name of links) {
      expect(await readlink(join(projectRoot, "actions", name))).toBe("../hooks/stub");
      await runHook("hooks/start", { JUJU_DISPATCH_PATH: `actions/${name}` });
      const given = (await called("bin/node"))?.slice(5) ?? [];
      expect(given, name).toHaveLength(actions.includes(name) ? 0 : 2);
    }
  });

  test("is the process that becomes the program", async () => {
    await writeProgram("bin/node", "#!/bin/sh\nkill -TERM $$\n");
    await expect(runHook("hooks/start")).rejects.toMatchObject({ signal: "SIGTERM" });
  });

  test("keeps a HOME that is set", async () => {
    await runHook("hooks/start", { HOME: "/home/someone" });
    expect(await called("bin/node")).toContain("home=/home/someone");
  });

  test("finds the charm by its own place where Juju gives none", async () => {
    await symlink(join(charm, "hooks/start"), join(charm, "tools/link"));
    await runHook("tools/link", { JUJU_CHARM_DIR: undefined });
    expect(await called("bin/node")).toContain(`cwd=${charm}`);
  });

  test("passes the exit code of the program on", async () => {
    await writeProgram("bin/node", "#!/bin/sh\nexit 7\n");
    await expect(runHook("hooks/start")).rejects.toMatchObject({ exitCode: 7 });
  });

  test.each<[string, () => Promise<void>]>([
    [
      "names a loader that this machine does not have",
      () => writeFile(join(charm, "bin/loader"), "/lib/ld-elsewhere.so.1\n"),
    ],
    ["is empty", () => writeFile(join(charm, "bin/loader"), "")],
    ["is missing", () => rm(join(charm, "bin/loader"))],
  ])("blocks with the architecture when bin/loader %s", async (_, spoil) => {
    await spoil();
    await runHook("hooks/config-changed");
    const { stdout: machine } = await execa("uname", ["-m"]);
    expect((await called("tools/status-set"))?.slice(3)).toEqual([
      "blocked",
      "--",
      `this charm was built for another architecture than ${machine}: deploy the charm file for it`,
    ]);
    expect(await called("bin/node")).toBeUndefined();
  });

  test.each<[string, () => Promise<void>]>([
    ["is missing", () => rm(join(charm, "bin/node"))],
    ["may not be executed", () => chmod(join(charm, "bin/node"), 0o644)],
  ])("blocks with a message of its own when bin/node %s", async (_, spoil) => {
    await spoil();
    await runHook("hooks/config-changed");
    expect((await called("tools/status-set"))?.slice(3)).toEqual([
      "blocked",
      "--",
      "bin/node is missing from this charm: deploy the charm file that its build makes",
    ]);
  });
});

async function runHook(path: string, environment: Readonly<Record<string, string | undefined>> = {}) {
  const env = { PATH: `${charm}/tools:/usr/bin:/bin`, JUJU_CHARM_DIR: charm, ...environment };
  return await execa(join(charm, path), {
    cwd: "/",
    env,
    extendEnv: false,
    stdin: "ignore",
    timeout: 20_000,
  });
}

async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(join(charm, path), text);
  await chmod(join(charm, path), 0o755);
}

/** What a recorder was called with, undefined when it was not. */
async function called(path: string): Promise<string[] | undefined> {
  try {
    return (await readFile(join(charm, path, "../called"), "utf8")).trimEnd().split("\n");
  } catch {
    return undefined;
  }
}
