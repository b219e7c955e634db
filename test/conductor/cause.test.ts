import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findCause, witness } from "../../src/conductor/cause.ts";
import { lookAtScene } from "../../src/conductor/cause-scene.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import type { Change } from "../../src/reconcile/resource.ts";
import { type Program, scriptedHost } from "../support/machine/scripted-host.ts";

/** When the drift was made, by the clock of the machine. */
const moment = Date.parse("2026-03-01T12:00:05.000Z");
const at = (offsetSeconds: number) => moment + offsetSeconds * 1000;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: moment }));
afterEach(() => void vi.useRealTimers());

const dropIn: Change = {
  id: `file:${paths.dropIn}`,
  action: "update",
  drift: [{ key: "mode", observed: "0600", desired: "0644" }],
};
const driver: Change = { id: "pip-package:magnum-capi-helm", action: "create", drift: [] };
const serviceOnly: Change = { id: "service:magnum-conductor", action: "update", drift: [] };

/** `tail --bytes=N -- FILES`: the files one behind the other. */
const tail: Program = async (argv, _options, host) => {
  if (argv[0] !== "tail") return undefined;
  const files = argv.slice(argv.indexOf("--") + 1);
  const texts = await Promise.all(files.map((file) => readText(host.fs, file)));
  return { code: texts.includes(undefined) ? 1 : 0, stdout: texts.map((text) => text ?? "").join("") };
};

interface Options {
  readonly files?: Record<string, string>;
  /** Messages of the journal: seconds from the moment, and text. */
  readonly journal?: readonly (readonly [number, string])[];
  readonly sessions?: string;
  /** How far local time is ahead of UTC, as `date +%z` has it. */
  readonly zone?: string;
}

/** A conductor on which the drop-in was changed at the moment, with these logs; looked at some seconds later. */
function machine({ files = {}, journal = [], sessions = "", zone = "+0000" }: Options = {}) {
  const date: Program = ([program]) => (program === "date" ? { stdout: `${zone}\n` } : undefined);
  const journalctl: Program = (argv) => {
    if (argv[0] !== "journalctl") return undefined;
    const limit = (name: string) =>
      Number(argv.find((word) => word.startsWith(name))?.slice(name.length + 2)) * 1000;
    const entries = journal.filter(
      ([seconds]) => at(seconds) >= limit("--since") && at(seconds) <= limit("--until"),
    );
    const lines = entries.map(([seconds, MESSAGE]) =>
      JSON.stringify({ MESSAGE, __REALTIME_TIMESTAMP: String(at(seconds) * 1000) }),
    );
    return { stdout: `${lines.join("\n")}\n` };
  };
  const loginctl: Program = ([program]) => (program === "loginctl" ? { stdout: sessions } : undefined);
  const host = scriptedHost([tail, date, journalctl, loginctl], {
    [paths.dropIn]: "[capi_helm]\n",
    "/usr/bin/python3.11": "",
    ...files,
  });
  const cause = (change: Change = dropIn, more: { unit?: string; now?: Date } = {}) =>
    findCause(host, { changes: [change], now: new Date(at(3)), ...more });
  return { host, cause };
}

const upgrade = `2026-03-01 11:00:00 startup archives unpack
2026-03-01 11:00:00 upgrade tzdata:all 2025a 2025b
2026-03-01 11:00:01 status installed tzdata:all 2025b
2026-03-01 12:00:02 startup archives unpack
2026-03-01 12:00:02 upgrade magnum-conductor:all 15.0.1-4 99.0
2026-03-01 12:00:02 status half-configured magnum-conductor:all 15.0.1-4
2026-03-01 12:00:02 status half-installed magnum-conductor:all 15.0.1-4
2026-03-01 12:00:03 status unpacked magnum-conductor:all 99.0
2026-03-01 12:00:03 startup packages configure
2026-03-01 12:00:03 configure magnum-conductor:all 99.0 <none>
2026-03-01 12:00:06 status installed magnum-conductor:all 99.0
`;

const history = `
Start-Date: 2026-03-01  10:59:58
Commandline: apt-get upgrade
Upgrade: tzdata:amd64 (2025a, 2025b)
End-Date: 2026-03-01  11:00:01

Start-Date: 2026-03-01  12:00:01
Commandline: apt-get -o Acquire::http::Proxy=http://me:passw0rd@proxy/ install -y magnum-conductor=99.0
Requested-By: ubuntu (1000)
Upgrade: magnum-conductor:amd64 (15.0.1-4, 99.0)
End-Date: 2026-03-01  12:00:06
`;

describe("packages", () => {
  test("an upgrade at that time is named with its versions, and who asked for it", async () => {
    const { cause } = machine({
      files: { "/var/log/dpkg.log": upgrade, "/var/log/apt/history.log": history },
    });
    expect(await cause()).toEqual({
      what: "package upgrade: magnum-conductor 15.0.1-4 -> 99.0",
      evidence: [
        "dpkg.log: 2026-03-01 12:00:02 upgrade magnum-conductor:all 15.0.1-4 99.0",
        "apt: apt-get -o ... install -y magnum-conductor=99.0, requested by ubuntu (1000)",
      ],
    });
  });

  test.each<[string, string, string]>([
    ["reinstall", "upgrade magnum-conductor:all 15.0.1-4 15.0.1-4", "reinstall: magnum-conductor 15.0.1-4"],
    ["installation", "install magnum-api:all <none> 15.0.1-4", "install: magnum-api 15.0.1-4"],
    ["removal", "remove magnum-conductor:all 99.0 <none>", "remove: magnum-conductor 99.0"],
    ["purge", "purge magnum-common:all 99.0 <none>", "purge: magnum-common 99.0"],
  ])("a %s is told as what it is", async (_, step, what) => {
    const { cause } = machine({ files: { "/var/log/dpkg.log": `2026-03-01 12:00:04 ${step}\n` } });
    expect((await cause()).what).toBe(`package ${what}`);
  });

  test("of a run, the worst step is named, and how many more there are", async () => {
    const log = `2026-03-01 12:00:03 upgrade magnum-conductor:all 1 2
2026-03-01 12:00:03 purge libfoo:amd64 1 <none>
2026-03-01 12:00:04 purge magnum-common:all 1 <none>
`;
    const { cause } = machine({ files: { "/var/log/dpkg.log": log } });
    expect((await cause()).what).toBe("package purge: magnum-common 1 (and 1 more)");
  });

  test("a run that takes minutes is one, from its first line to its last", async () => {
    const lines = Array.from(
      { length: 10 },
      (_, n) => `2026-03-01 11:5${n}:30 status unpacked libfoo:amd64 1`,
    );
    const log = `2026-03-01 11:50:00 upgrade magnum-common:all 1 2\n${lines.join("\n")}\n`;
    const { cause } = machine({ files: { "/var/log/dpkg.log": log } });
    expect((await cause()).what).toBe("package upgrade: magnum-common 1 -> 2");
  });

  test("the log is in local time: the zone of the machine counts", async () => {
    const files = { "/var/log/dpkg.log": upgrade.replaceAll(" 12:00:", " 14:00:") };
    expect((await machine({ files, zone: "+0200" }).cause()).what).toMatch(/^package upgrade: magnum-/);
    expect((await machine({ files, zone: "+0000" }).cause()).what).toBe("unknown");
    const behind = { "/var/log/dpkg.log": upgrade.replaceAll(" 12:00:", " 08:30:") };
    expect((await machine({ files: behind, zone: "-0330" }).cause()).what).toMatch(/^package upgrade: /);
  });

  test("the zone is that of the time of the change, not of now", async () => {
    const { host, cause } = machine();
    await cause(dropIn, { now: new Date(at(30 * 86_400)) });
    expect(host.commands).toContainEqual(["date", `--date=@${moment / 1000}`, "+%z"]);
  });

  test("a log that was just rotated is read as well", async () => {
    const files = { "/var/log/dpkg.log.1": upgrade, "/var/log/dpkg.log": "" };
    expect((await machine({ files }).cause()).what).toMatch(/^package upgrade: magnum-conductor/);
  });

  test("that have nothing to do with it are a maybe", async () => {
    const log = "2026-03-01 12:00:04 upgrade python3.11:amd64 3.11.2-1 3.11.2-6\n";
    const { cause } = machine({ files: { "/var/log/dpkg.log": log } });
    expect((await cause()).what).toBe("maybe package upgrade: python3.11 3.11.2-1 -> 3.11.2-6");
    expect((await cause(driver)).what).toBe("package upgrade: python3.11 3.11.2-1 -> 3.11.2-6");
  });

  test("that have nothing to do with it go behind an operator's command", async () => {
    const files = { "/var/log/dpkg.log": "2026-03-01 12:00:04 upgrade tzdata:all 1 2\n" };
    const { cause } = machine({ files, journal: [[-1, " ubuntu : USER=root ; COMMAND=/usr/bin/vim x"]] });
    expect(await cause()).toEqual({
      what: "an operator: ubuntu ran /usr/bin/vim with sudo",
      evidence: ["sudo: ubuntu ran /usr/bin/vim ...", "dpkg.log: 2026-03-01 12:00:04 upgrade tzdata:all 1 2"],
    });
  });

  test("of another hour are not the cause", async () => {
    const { cause } = machine({ files: { "/var/log/dpkg.log": upgrade.replaceAll(" 12:", " 10:") } });
    expect(await cause()).toEqual({ what: "unknown", evidence: [] });
  });

  test("for a service, which has no path, are looked for in the last ten minutes", async () => {
    const { cause } = machine({ files: { "/var/log/dpkg.log": upgrade } });
    expect((await cause(serviceOnly, { now: new Date(at(500)) })).what).toMatch(/^package upgrade: magnum/);
    expect((await cause(serviceOnly, { now: new Date(at(700)) })).what).toBe("unknown");
  });

  test.each([
    "\0\0\0",
    "2026-03-01 12:00",
    "2026-99-99 99:99:99 upgrade magnum-api:all 1 2",
    "upgrade x 1 2",
  ])("a damaged log (%j) is no cause", async (text) => {
    const files = { "/var/log/dpkg.log": text, "/var/log/apt/history.log": `Commandline: ${text}` };
    expect((await machine({ files }).cause()).what).toBe("unknown");
  });
});

describe("a path that is gone", () => {
  test("was changed when its folder was", async () => {
    const { host, cause } = machine({ files: { "/var/log/dpkg.log": upgrade } });
    vi.setSystemTime(at(-3600));
    await host.fs.write("/etc/magnum/magnum.conf", "[DEFAULT]\n", { mode: "0644", uid: 0, gid: 0 });
    vi.setSystemTime(moment);
    await host.fs.removeTree(paths.dropInDirectory);
    vi.setSystemTime(at(3600));
    expect((await cause({ ...dropIn, action: "create" })).what).toMatch(/^package upgrade: magnum/);
  });
});

describe("a new Python", () => {
  const old = "/usr/local/lib/python3.10/dist-packages/magnum_capi_helm/__init__.py";

  async function upgraded(files: Record<string, string>) {
    const it = machine({ files });
    await it.host.fs.link("/usr/bin/python3", "python3.11");
    return it;
  }

  test("that does not have the driver, while an earlier one has", async () => {
    const { cause } = await upgraded({ [old]: "", "/usr/local/lib/python3.9/other": "" });
    expect(await cause(driver)).toEqual({
      what: "Python change: python3.10 -> python3.11",
      evidence: [
        "/usr/local/lib/python3.10/dist-packages/magnum_capi_helm is there, /usr/bin/python3 is python3.11",
      ],
    });
    expect((await cause(dropIn)).what).toBe("unknown");
  });

  test("is not the cause where it has the driver", async () => {
    const { cause } = await upgraded({ [old]: "", [old.replace("3.10", "3.11")]: "" });
    expect((await cause(driver)).what).toBe("unknown");
  });

  test("is not the cause where no other Python has it", async () => {
    const { cause } = await upgraded({ "/usr/local/lib/python3.11/dist-packages/x": "" });
    expect((await cause(driver)).what).toBe("unknown");
  });
});

describe("the driver", () => {
  test("was changed when its damaged file was, not when its folder was", async () => {
    const folder = "/usr/local/lib/python3.11/dist-packages/magnum_capi_helm";
    const { host } = machine({ files: { [`${folder}/__init__.py`]: "", [`${folder}/driver.py`]: "" } });
    await host.fs.link("/usr/bin/python3", "python3.11");
    vi.setSystemTime(at(100));
    await host.fs.setOwnership(`${folder}/driver.py`, { mode: "0600", uid: 0, gid: 0 });
    const drift = [{ key: "files", observed: "damaged: magnum_capi_helm/driver.py", desired: "intact" }];
    const change: Change = { id: "pip-package:magnum-capi-helm", action: "update", drift };
    const scene = await lookAtScene(host, [change], new Date(at(200)));
    expect(scene.paths).toEqual([`${folder}/driver.py`]);
  });
});

describe("a hook", () => {
  const lock = (line: string) => ({ "/var/log/juju/machine-lock.log": `${line}\n` });

  test.each([
    [
      "2026-03-01 12:00:06 unit-magnum-0: magnum/0 uniter (run config-changed hook), waited 0s, held 3s",
      "hook config-changed of magnum/0",
    ],
    [
      "2026-03-01 12:01:07 unit-magnum-0: uniter (run config-changed hook), waited 1m2s, held 1m3s",
      "hook config-changed of magnum/0",
    ],
    [
      "2026-03-01 12:00:06 machine-3: magnum/2 uniter (run amqp-relation-changed (3; unit: rabbitmq/0) hook), waited 0s, held 3s",
      "hook amqp-relation-changed of magnum/2",
    ],
    [
      "2026-03-01 12:00:06 unit-magnum-0: magnum/0 uniter (run action 5), waited 0s, held 2s",
      "run action 5 of magnum/0",
    ],
  ])("%s", async (line, what) => {
    expect(await machine({ files: lock(line) }).cause()).toEqual({
      what,
      evidence: [`machine-lock.log: ${line}`],
    });
  });

  test.each([
    [
      "that ended before",
      "2026-03-01 11:59:59 unit-magnum-0: magnum/0 uniter (run stop hook), waited 0s, held 3s",
    ],
    [
      "that began later",
      "2026-03-01 12:00:30 unit-magnum-0: magnum/0 uniter (run stop hook), waited 0s, held 3s",
    ],
    [
      "of our own",
      "2026-03-01 12:00:06 unit-magnum-capi-helm-0: magnum-capi-helm/0 uniter (run x hook), waited 0s, held 3s",
    ],
    ["of the agent's start", "2026-03-01 12:00:05 === agent machine-0 started ==="],
  ])("%s is not the cause", async (_, line) => {
    expect((await machine({ files: lock(line) }).cause()).what).toBe("unknown");
  });

  test("of our own unit is known by its name too", async () => {
    const line = "2026-03-01 12:00:06 unit-graft-0: graft/0 uniter (run x hook), waited 0s, held 3s";
    const { cause } = machine({ files: lock(line) });
    expect((await cause(dropIn, { unit: "graft/0" })).what).toBe("unknown");
    expect((await cause(dropIn, { unit: "graft/1" })).what).toBe("hook x of graft/0");
  });

  test("is in local time", async () => {
    const line = "2026-03-01 17:30:06 unit-magnum-0: magnum/0 uniter (run x hook), waited 0s, held 3s";
    expect((await machine({ files: lock(line), zone: "+0530" }).cause()).what).toBe("hook x of magnum/0");
  });

  test("is a mere maybe for a service, which has no time of its own", async () => {
    const line =
      "2026-03-01 12:00:06 unit-magnum-0: magnum/0 uniter (run update-status hook), waited 0s, held 3s";
    const { cause } = machine({ files: lock(line) });
    expect((await cause(serviceOnly, { now: new Date(at(60)) })).what).toBe(
      "maybe hook update-status of magnum/0",
    );
  });
});

describe("an operator", () => {
  const sudo = (command: string) =>
    `  ubuntu : TTY=pts/0 ; PWD=/home/ubuntu ; USER=root ; COMMAND=${command}`;

  test.each([
    ["a command on the path", `/usr/bin/install -m 600 ${paths.dropIn}`, "/usr/bin/install"],
    ["a command on its folder", `/usr/bin/find ${paths.dropInDirectory}/ -delete`, "/usr/bin/find"],
    ["an editor", "/usr/bin/vim x", "/usr/bin/vim"],
    ["a shell", "/bin/bash", "/bin/bash"],
  ])("%s with sudo", async (_, command, program) => {
    const { cause } = machine({ journal: [[-100, sudo(command)]] });
    expect((await cause()).what).toBe(`an operator: ubuntu ran ${program} with sudo`);
  });

  test("another command is a maybe", async () => {
    const { cause } = machine({ journal: [[-10, sudo("/usr/bin/lsof -i /etc/hosts")]] });
    expect(await cause()).toEqual({
      what: "maybe an operator: ubuntu ran /usr/bin/lsof with sudo",
      evidence: ["sudo: ubuntu ran /usr/bin/lsof /etc/hosts ..."],
    });
  });

  test.each([
    "/bin/sh -c 'echo tok3n > /etc/magnum/kubeconfig'",
    "/usr/bin/tee /etc/magnum/kubeconfig --tok3n tok3n",
    "/usr/bin/env TOKEN=tok3n /usr/bin/vim",
    "/usr/bin/curl https://me:tok3n@mirror/ -o /tmp/x",
    "/usr/bin/mysql -ptok3n /tok3n/AAAA==",
    "tok3n=1 /bin/ls",
  ])("what could be a secret is never shown: %s", async (command) => {
    const { cause } = machine({ journal: [[-1, sudo(command)]] });
    expect(JSON.stringify(await cause())).not.toContain("tok3n");
    expect((await cause()).evidence[0]).toMatch(/^sudo: ubuntu ran /);
  });

  test.each([
    ["before", -301],
    ["after", 30],
  ])("long %s is not the cause", async (_, seconds) => {
    expect((await machine({ journal: [[seconds, sudo("/usr/bin/vim x")]] }).cause()).what).toBe("unknown");
  });

  test("who runs our own command is not the cause", async () => {
    const { cause } = machine({ journal: [[-1, sudo("/usr/local/bin/capi-graft apply")]] });
    expect((await cause()).what).toBe("unknown");
  });

  test("whom sudo refused is not the cause", async () => {
    const refused = " eve : user NOT in sudoers ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vim x";
    expect((await machine({ journal: [[-1, refused]] }).cause()).what).toBe("unknown");
  });

  test("who logs in is a maybe", async () => {
    const login = "Accepted publickey for ubuntu from 10.0.0.7 port 50022 ssh2: ED25519 SHA256:abc";
    expect(await machine({ journal: [[-60, login]] }).cause()).toEqual({
      what: "maybe an operator: ubuntu logged in",
      evidence: ["sshd: login of ubuntu from 10.0.0.7"],
    });
  });

  test.each([
    ["of systemd 252", "      3 1000 ubuntu      pts/0\n      4 0 root seat0 tty1\n", "ubuntu, root"],
    [
      "of systemd 257",
      "3 1000 ubuntu - 812 user pts/0 no -\n4 1000 ubuntu - 820 manager - no -\n5 0 root - 825 manager - no -\n",
      "ubuntu",
    ],
  ])("with a session that is open, in the words %s, is the weakest hint", async (_, sessions, names) => {
    expect(await machine({ sessions }).cause()).toEqual({
      what: `maybe an operator: ${names} is logged in`,
      evidence: [`open session: ${names}`],
    });
    const files = { "/var/log/dpkg.log": upgrade };
    expect((await machine({ sessions, files }).cause()).evidence).toHaveLength(1);
  });

  test.each(["", "null", "[]", "{", '{"MESSAGE":[1,2],"__REALTIME_TIMESTAMP":"x"}'])(
    "is not read from a journal that says %j",
    async (line) => {
      const { host } = machine();
      const odd: Host = {
        ...host,
        run: async (argv) =>
          argv[0] === "journalctl"
            ? { ok: true, code: 0, stdout: `${line}\n`, stderr: "", timedOut: false }
            : await host.run(argv),
      };
      expect((await findCause(odd, { changes: [dropIn], now: new Date(at(3)) })).what).toBe("unknown");
    },
  );
});

describe("the writer, where the kernel's audit is on,", () => {
  const audit = (
    more: { exe?: string; auid?: string; name?: string; seconds?: number; success?: string } = {},
  ) => {
    const {
      exe = "/usr/bin/vim.basic",
      auid = "1000",
      name = paths.dropIn,
      seconds = 0,
      success = "yes",
    } = more;
    const head = `msg=audit(${(at(seconds) / 1000).toFixed(3)}:812):`;
    return {
      "/var/log/audit/audit.log": `type=SYSCALL ${head} arch=c000003e syscall=257 success=${success} exit=3 ppid=1 pid=2 auid=${auid} uid=0 comm="vim" exe="${exe}" key="magnum"
type=CWD ${head} cwd="/etc/magnum"
type=PATH ${head} item=0 name="/etc/magnum/" inode=1 nametype=PARENT
type=PATH ${head} item=1 name="${name}" inode=2 nametype=NORMAL
type=PROCTITLE ${head} proctitle=76696D
`,
    };
  };

  test.each([
    ["a user", {}, "written by /usr/bin/vim.basic (login of uid 1000)"],
    ["a service", { auid: "4294967295", exe: "/usr/sbin/agent" }, "written by /usr/sbin/agent"],
    [
      "a relative path",
      { name: "magnum.conf.d/00-capi-helm.conf" },
      "written by /usr/bin/vim.basic (login of uid 1000)",
    ],
  ])("is named: %s", async (_, more, what) => {
    expect((await machine({ files: audit(more) }).cause()).what).toBe(what);
  });

  test.each([
    ["another path", { name: "/etc/hosts" }],
    ["a call that failed", { success: "no" }],
    ["another time", { seconds: -60 }],
    ["ourselves", { exe: process.execPath }],
  ])("is not %s", async (_, more) => {
    expect((await machine({ files: audit(more) }).cause()).what).toBe("unknown");
  });

  test("goes before a package, unless it is a program that writes for others", async () => {
    const log = { "/var/log/dpkg.log": upgrade };
    const named = await machine({ files: { ...log, ...audit() } }).cause();
    expect(named.what).toBe("written by /usr/bin/vim.basic (login of uid 1000)");
    expect(named.evidence[1]).toMatch(/^dpkg\.log: /);
    const dpkg = await machine({ files: { ...log, ...audit({ exe: "/usr/bin/dpkg" }) } }).cause();
    expect(dpkg.what).toBe("package upgrade: magnum-conductor 15.0.1-4 -> 99.0");
    expect(dpkg.evidence).toContain(`audit.log: /usr/bin/dpkg on ${paths.dropIn}, login of uid 1000`);
    const python = await machine({ files: audit({ exe: "/usr/bin/python3.11" }) }).cause();
    expect(python.what).toBe("written by /usr/bin/python3.11 (login of uid 1000)");
  });
});

describe("a crash or a power cut", () => {
  const root = { mode: "0644", uid: 0, gid: 0 };

  /** A machine that looked at itself, lost the end of a file, and was booted since. */
  async function crashed(content: string, times: { look: number; write: number; boot: number }) {
    const it = machine();
    vi.setSystemTime(at(times.look));
    await it.host.fs.makeDirectory(paths.state, root);
    await it.host.fs.write(paths.signature, "{}\n", root);
    vi.setSystemTime(at(times.write));
    await it.host.fs.write(paths.dropIn, content, root);
    vi.setSystemTime(at(times.boot));
    await it.host.fs.makeDirectory("/proc", root);
    await it.host.fs.write("/proc/stat", `cpu 1 2 3\nbtime ${at(times.boot) / 1000}\nprocesses 7\n`, root);
    return await it.cause(dropIn, { now: new Date(at(times.boot + 60)) });
  }

  test.each([
    ["", "is empty"],
    ["[capi_he", "is cut short"],
    ["[capi_helm]\n\0\0\0\n", "holds NUL bytes"],
  ])("leaves a file like %j", async (content, words) => {
    expect(await crashed(content, { look: -100, write: -50, boot: 0 })).toEqual({
      what: "a crash or a power cut",
      evidence: [`${paths.dropIn} ${words}`],
    });
  });

  test.each([
    ["a whole file", "[capi_helm]\n", { look: -100, write: -50, boot: 0 }],
    ["a file that was cut after the boot", "", { look: -100, write: 50, boot: 0 }],
    ["a boot before our last look", "", { look: 50, write: -50, boot: 0 }],
  ])("does not leave %s", async (_, content, times) => {
    expect((await crashed(content, times)).what).toBe("unknown");
  });
});

describe("what can't be found out", () => {
  test("is unknown, and nothing is written", async () => {
    const { host, cause } = machine();
    expect(await cause()).toEqual({ what: "unknown", evidence: [] });
    for (const argv of host.commands) expect(argv[0]).toMatch(/^(tail|date|journalctl|loginctl)$/);
  });

  test("is unknown where none of the programs is there", async () => {
    const host = scriptedHost([], { [paths.dropIn]: "x\n" });
    expect((await findCause(host, { changes: [dropIn], now: new Date(moment) })).what).toBe("unknown");
  });

  test("is never a reason to fail", async () => {
    const { host } = machine({ files: { "/var/log/dpkg.log": upgrade } });
    const noJournal: Host = {
      ...host,
      run: async (argv, options) => {
        if (argv[0] === "journalctl") throw new HostFault("journalctl does not answer");
        return await host.run(argv, options);
      },
    };
    const question = { changes: [dropIn], now: new Date(at(3)) };
    expect((await findCause(noJournal, question)).what).toMatch(/^package upgrade: magnum-conductor/);
    const noFiles: Host = {
      ...host,
      fs: { ...host.fs, stat: () => Promise.reject(new HostFault("failed to look at /etc: EIO")) },
    };
    expect(await findCause(noFiles, question)).toEqual({
      what: "unknown",
      evidence: ["failed to look at /etc: EIO"],
    });
  });

  test("waits for no program longer than some seconds", async () => {
    const { host } = machine();
    const limits: (number | undefined)[] = [];
    const timed: Host = {
      ...host,
      run: (argv, options) => {
        limits.push(options?.timeoutMs);
        return host.run(argv, options);
      },
    };
    await findCause(timed, { changes: [dropIn], now: new Date(at(3)) });
    expect(limits.length).toBeGreaterThan(5);
    expect(limits.every((limit) => limit !== undefined && limit <= 3000)).toBe(true);
  });

  test("is still found when the clock was set back a day since", async () => {
    const { cause } = machine({ files: { "/var/log/dpkg.log": upgrade } });
    expect((await cause(dropIn, { now: new Date(at(-86_400)) })).what).toMatch(/^package upgrade: magnum/);
    expect((await cause(serviceOnly, { now: new Date(at(-86_400)) })).what).toBe("unknown");
  });
});

test("the scene of before the repair can be handed in: the repair wipes it away", async () => {
  const { host } = machine({ files: { "/var/log/dpkg.log": upgrade } });
  const scene = await lookAtScene(host, [dropIn], new Date(at(3)));
  vi.setSystemTime(at(900));
  await host.fs.write(paths.dropIn, "repaired\n", { mode: "0644", uid: 0, gid: 0 });
  const question = { changes: [dropIn], now: new Date(at(901)) };
  expect((await findCause(host, question)).what).toBe("unknown");
  expect((await findCause(host, { ...question, scene })).what).toMatch(/^package upgrade: magnum/);
});

describe("a witness", () => {
  test("tells the cause after the repair, of what it saw before", async () => {
    const { host } = machine({ files: { "/var/log/dpkg.log": upgrade } });
    const it = witness(host);
    it.planned([dropIn]);
    // As the engine does: it observes a resource once more before it is applied.
    await host.fs.read(paths.dropIn);
    await host.fs.digest(paths.dropIn);
    vi.setSystemTime(at(900));
    await host.fs.write(paths.dropIn, "repaired\n", { mode: "0644", uid: 0, gid: 0 });
    expect((await it.cause()).what).toMatch(/^package upgrade: magnum/);
  });

  test("of a run without a drift looks nothing up", async () => {
    const { host } = machine({ files: { "/var/log/dpkg.log": upgrade } });
    const it = witness(host);
    it.planned([]);
    expect(await it.cause()).toEqual({ what: "unknown", evidence: [] });
    expect(host.commands).toEqual([]);
  });

  test("knows our own unit, and of files that can't be read says so", async () => {
    const line = "2026-03-01 12:00:06 unit-graft-0: graft/0 uniter (run x hook), waited 0s, held 3s\n";
    const { host } = machine({ files: { "/var/log/juju/machine-lock.log": line } });
    const ours = witness(host, "graft/0");
    ours.planned([dropIn]);
    expect((await ours.cause()).what).toBe("unknown");
    const fault = () => Promise.reject(new HostFault("failed to look at /etc: EIO"));
    const blind = witness({ ...host, fs: { ...host.fs, stat: fault } });
    blind.planned([dropIn]);
    expect((await blind.cause()).evidence).toEqual(["failed to look at /etc: EIO"]);
  });
});

test("the evidence of all sources is kept, the likeliest first, and not more than six lines", async () => {
  const lock = Array.from(
    { length: 9 },
    (_, n) => `2026-03-01 12:00:0${n} unit-magnum-0: magnum/${n} uniter (run x hook), waited 0s, held 9s\n`,
  );
  const journal = Array.from(
    { length: 9 },
    (_, n) => [-n, ` u${n} : USER=root ; COMMAND=/bin/vi /etc/x`] as const,
  );
  const files = { "/var/log/dpkg.log": upgrade, "/var/log/juju/machine-lock.log": lock.join("") };
  const { evidence } = await machine({ files, journal }).cause();
  expect(evidence.map((line) => line.split(":")[0])).toEqual([
    "dpkg.log",
    "machine-lock.log",
    "machine-lock.log",
    "sudo",
    "sudo",
    "sudo",
  ]);
});
