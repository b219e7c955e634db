import { describe, expect, test } from "vitest";
import { helmIdleGate, pendingReleasesGate } from "../../src/conductor/helm-work.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { type FakeService, fakeSystemd, runningService } from "../support/machine/fake-systemd.ts";
import { type Program, scriptedHost, withoutUser } from "../support/machine/scripted-host.ts";

const pid = 100;
const worker = 101;
const helm = 140;
const root = { mode: "0444", uid: 0, gid: 0 };
const group = "/system.slice/magnum-conductor.service";
const upgrade = "/usr/local/bin/helm\0upgrade\0a\0--timeout\x005m\0";

interface Machine {
  /** The processes in the unit's group; without it, there is no group to be seen. */
  readonly group?: readonly number[];
  /** Where the group is seen. */
  readonly mount?: string;
  readonly hierarchy?: string;
  readonly children?: Readonly<Record<number, readonly number[]>>;
  readonly words?: string;
  readonly more?: Partial<FakeService>;
  readonly programs?: readonly Program[];
}

async function conductor(machine: Machine) {
  const service = runningService({ mainPid: pid, ...machine.more });
  const host = scriptedHost([...(machine.programs ?? []), fakeSystemd({ "magnum-conductor": service })]);
  service.startedAt = host.now().getTime() - 1_000_000;
  const write = async (path: string, text: string) => {
    await host.fs.makeDirectory(path.replace(/\/[^/]*$/, ""), { ...root, mode: "0555" });
    await host.fs.write(path, text, root);
  };
  await write(`/proc/${pid}/cmdline`, "/usr/bin/python3\0/usr/bin/magnum-conductor\0");
  await write(`/proc/${worker}/cmdline`, "/usr/bin/python3\0/usr/bin/magnum-conductor\0");
  await write(`/proc/${helm}/cmdline`, machine.words ?? upgrade);
  const stat = (of: number, name: string, ticks: number) =>
    write(`/proc/${of}/stat`, `${of} (${name}) S ${"0 ".repeat(18)}${ticks} 0 0\n`);
  await stat(pid, "magnum (a) b", 5_000);
  await stat(helm, "helm", 5_000 + 96_000);
  for (const [of, children] of Object.entries(machine.children ?? {})) {
    await write(`/proc/${of}/task/${of}/children`, children.join(" "));
  }
  const procs = `/sys/fs/cgroup${machine.mount ?? ""}${group}/cgroup.procs`;
  if (machine.group !== undefined) {
    await write(`/proc/${pid}/cgroup`, machine.hierarchy ?? `0::${group}\n`);
    await write(procs, machine.group.map((it) => `${it}\n`).join(""));
  }
  return { host, procs, write };
}

const busy = [pid, worker, helm];

describe("a conductor that is to be restarted", () => {
  const judgeIdle = async (machine: Machine, waitMs = 10_000) => {
    const { host, procs, write } = await conductor(machine);
    const said: string[] = [];
    const began = host.now().getTime();
    const [result] = await judge(host, [helmIdleGate(waitMs)], (text) => said.push(text));
    return { result, said, waited: (host.now().getTime() - began) / 1_000, host, procs, write };
  };

  test("is restarted at once where it runs no helm", async () => {
    expect(await judgeIdle({ group: [pid, worker] })).toMatchObject({
      result: { state: "open" },
      said: [],
      waited: 0,
    });
  });

  test("is waited for while it does, which is said once, and left alone when it takes too long", async () => {
    const { result, said, waited } = await judgeIdle({ group: busy });
    expect(result).toMatchObject({
      state: "closed",
      cure: "time",
      reason: "the conductor is running helm (pid 140, 50 s): the restart waits",
      remedy: "nothing: it is tried again",
    });
    expect(said).toEqual(["waiting for helm of the conductor to end"]);
    expect(waited).toBe(10);
  });

  test("is restarted when helm has ended", async () => {
    const { host, procs, write } = await conductor({ group: busy });
    let slept = 0;
    const sleep = async (ms: number) => {
      slept += 1;
      if (slept === 4) await write(procs, `${pid}\n${worker}\n`);
      await host.sleep(ms);
    };
    const [result] = await judge({ ...host, sleep }, [helmIdleGate()]);
    expect(result).toMatchObject({ state: "open" });
    expect(slept).toBe(4);
  });

  test.each([
    ["unified", "", `0::${group}\n`],
    ["hybrid", "/unified", `1:name=systemd:/elsewhere\n0::${group}\n`],
    ["legacy", "/systemd", `9:name=systemd:${group}\n1:cpu:/\n`],
  ])("is known by its control group, with the %s hierarchy", async (_, mount, hierarchy) => {
    const { result } = await judgeIdle({ group: busy, mount, hierarchy }, 0);
    expect(result).toMatchObject({ state: "closed", cure: "time" });
  });

  test.each([
    ["there is no group", { children: { [pid]: [worker], [worker]: [helm] } }],
    ["the group is another's", { group: [7], children: { [pid]: [worker], [worker]: [helm] } }],
  ])("is known by its children and theirs where %s", async (_, machine) => {
    expect((await judgeIdle(machine, 0)).result).toMatchObject({ state: "closed", cure: "time" });
  });

  test.each([
    ["python3\0/usr/local/bin/helm-diff\0"],
    ["/usr/local/bin/helmfile\0"],
    ["sh\0-c\0helm\0"],
    [""],
  ])("runs no helm with %j", async (words) => {
    expect((await judgeIdle({ group: busy, words }, 0)).result).toMatchObject({ state: "open" });
  });

  test("runs none when it does not run", async () => {
    const more = { mainPid: 0, active: "failed" };
    expect((await judgeIdle({ group: busy, more }, 0)).result).toMatchObject({ state: "open" });
  });
});

describe("helm's releases", () => {
  const list = (answer: Partial<Awaited<ReturnType<Program>>>): Program => {
    return (argv) => (withoutUser(argv)[0] === "/usr/local/bin/helm" ? { ...answer } : undefined);
  };
  const judged = async (answer: Partial<Awaited<ReturnType<Program>>>, machine: Machine = {}) => {
    const { host } = await conductor({ group: [pid, worker], programs: [list(answer)], ...machine });
    const [result] = await judge(host, [pendingReleasesGate(conductorFacts, true)]);
    return { result, host };
  };
  const release = (name: string, status: string) => ({ name, namespace: "magnum-p", status, revision: "2" });

  test("are listed as the daemon, with its kubeconfig", async () => {
    const { result, host } = await judged({ stdout: "[]\n" });
    expect(result).toMatchObject({ state: "open" });
    expect(host.commands.at(-1)?.join(" ")).toMatch(
      /^runuser -u magnum -- env -i .* \/usr\/local\/bin\/helm list --pending .* --kubeconfig \/etc\/magnum\/kubeconfig$/,
    );
  });

  test("that are pending are noted, with what to do", async () => {
    const releases = [release("a", "pending-upgrade"), release("b", "pending-rollback")];
    expect((await judged({ stdout: JSON.stringify(releases) })).result).toMatchObject({
      state: "closed",
      cure: "note",
      reason:
        "helm releases that were left half-way: magnum-p/a (pending-upgrade), magnum-p/b (pending-rollback)",
      remedy: "helm rollback a --namespace magnum-p --kubeconfig /etc/magnum/kubeconfig",
    });
    const first = await judged({ stdout: JSON.stringify([release("c", "pending-install")]) });
    expect(first.result).toMatchObject({ remedy: "delete that cluster with Magnum and create it again" });
  });

  test.each([
    [{ code: -1, timedOut: true }, "helm list: no answer within 10 s"],
    [
      { code: 1, stderr: "W1 a warning\nError: Kubernetes cluster unreachable: dial tcp: i/o timeout\n" },
      "helm list: Kubernetes cluster unreachable: dial tcp: i/o timeout",
    ],
  ])("that can't be had are not judged: %j", async (answer, reason) => {
    expect((await judged(answer)).result).toMatchObject({ state: "not checked", reason });
  });

  test("are not judged while the conductor runs helm, nor unasked", async () => {
    const { result, host } = await judged({ stdout: "[]" }, { group: busy });
    expect(result).toMatchObject({ state: "not checked", reason: "the conductor is running helm" });
    const [unasked] = await judge(host, [pendingReleasesGate(conductorFacts, false)]);
    expect(unasked).toMatchObject({ state: "not checked", reason: "capi-graft verify asks" });
    expect(host.commands.filter((argv) => argv.includes("--pending"))).toEqual([]);
  });
});
