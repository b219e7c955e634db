import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JujuVersion } from "./agent-state.ts";
import type { HookResult } from "./hook-runner.ts";
import { temporaryUnit } from "./temporary-unit.ts";

interface Recorded {
  readonly juju: JujuVersion;
  readonly id: string;
  readonly runs: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly stdin: string;
  readonly umask: string;
  /** In the order of the environment block. */
  readonly env: Readonly<Record<string, string>>;
}

const file = join(import.meta.dirname, "../../fixtures/juju/hook-commands-environment.jsonl");
const recorded = readFileSync(file, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded);

/** Prints the environment block, the working directory, the umask, stdin and the command line of the hook itself. */
const shows = [
  'tr "\\0" "\\n" </proc/$$/environ',
  "echo ==",
  "pwd -P; umask; readlink /proc/$$/fd/0",
  'tr "\\0" "\\n" </proc/$$/cmdline',
].join("\n");

const script = `${shows}
[ $JUJU_HOOK_NAME != install ] || secret-get --label kubeconfig $(config-get key) >/dev/null`;

/** What differs from run to run: Juju's folder, the number of the context and of the task, the id of the secret. */
function usual(text: string, jujuDir: string): string {
  return text
    .replaceAll(jujuDir, "/var/lib/juju")
    .replace(/^(JUJU_CONTEXT_ID=.*)-\d+$/m, "$1-N")
    .replace(/^(JUJU_ACTION_(?:UUID=|TAG=action-))\d+$/gm, "$1N")
    .replace(/^(\/tmp\/juju-exec)\w+/m, "$1NNN")
    .replace(/secret:[0-9a-v]{20}/, "secret:ID");
}

function expected({ env, cwd, umask, stdin, argv }: Recorded): string {
  const block = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return usual([...block, "==", cwd, umask, stdin, ...argv, ""].join("\n"), "/var/lib/juju");
}

async function everyHook(juju: JujuVersion): Promise<ReadonlyMap<string, string>> {
  const { unit, jujuDir } = await temporaryUnit(script, { application: "magnum-capi-helm", juju });
  const uri = await unit.addSecret({ kubeconfig: "one" });
  await unit.grantSecret(uri);
  await unit.configure({ key: uri });
  const results: HookResult[] = [...(await unit.deploy())];
  results.push(await unit.updateSecret(uri, { kubeconfig: "two" }), await unit.runHook("upgrade-charm"));
  results.push(await unit.runHook("update-status"), ...(await unit.remove()));
  return new Map(results.map(({ hook, stdout }) => [hook, usual(stdout, jujuDir)]));
}

describe.each(["3.6.28", "4.0.15"] as const)("the environment of a hook of Juju %s", (juju) => {
  const lines = recorded.filter((line) => line.juju === juju);

  it("is to the byte what Juju's agent gave, in its order, with nothing inherited", async () => {
    const seen = await everyHook(juju);
    const labelled = lines.filter(({ id, runs }) => runs.startsWith("hooks/") && id !== "secret-changed");
    expect(labelled.length).toBeGreaterThanOrEqual(11);
    for (const line of labelled)
      expect(seen.get(line.runs.replace("hooks/", "")), line.id).toBe(expected(line));
  }, 30_000);

  it("is for an action without a hook's name", async () => {
    const further = { "actions.yaml": "verify:\n", "actions/verify": { link: "../hooks/stub" } };
    const options = { application: "magnum-capi-helm", juju, further };
    const { unit, jujuDir } = await temporaryUnit(shows, options);
    await unit.deploy();
    const line = lines.find(({ id }) => id === "action-verify");
    const { stdout } = await unit.runAction("verify");
    expect(usual(stdout, jujuDir)).toBe(line === undefined ? "no recorded line" : expected(line));
  });

  it("is for the commands of juju-exec without a hook's name and a path to dispatch", async () => {
    const { unit, jujuDir } = await temporaryUnit("exit 0", { application: "magnum-capi-helm", juju });
    await unit.deploy();
    const line = lines.find(({ id }) => id === "juju-exec");
    const stdout = execFileSync(unit.jujuExec, ["-u", unit.name, shows], { encoding: "utf8" });
    expect(usual(stdout, jujuDir)).toBe(line === undefined ? "no recorded line" : expected(line));
  });

  it("has the model's proxies where it has any, and a change of them runs no hook", async () => {
    const { unit } = await temporaryUnit(shows, { application: "magnum-capi-helm", juju });
    await unit.deploy();
    const calls = (await unit.calls()).length;
    await unit.modelConfig({ "juju-https-proxy": "http://p:1", "juju-no-proxy": "a,b" });
    expect((await unit.calls()).length).toBe(calls);
    const { stdout } = await unit.runHook("update-status");
    expect(stdout).toMatch(
      /^JUJU_CHARM_HTTP_PROXY=\nJUJU_CHARM_HTTPS_PROXY=http:\/\/p:1\nJUJU_CHARM_FTP_PROXY=\nJUJU_CHARM_NO_PROXY=a,b$/m,
    );
  });

  it("has no label of a secret that was read without one", async () => {
    const { unit, jujuDir } = await temporaryUnit(script.replace(" --label kubeconfig", ""), {
      application: "magnum-capi-helm",
      juju,
    });
    const uri = await unit.addSecret({ kubeconfig: "one" });
    await unit.grantSecret(uri);
    await unit.configure({ key: uri });
    await unit.deploy();
    const line = lines.find(({ id }) => id === "secret-changed");
    const { stdout } = await unit.updateSecret(uri, { kubeconfig: "two" });
    expect(usual(stdout, jujuDir)).toBe(line === undefined ? "no recorded line" : expected(line));
  });
});
