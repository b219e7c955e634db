import { describe, expect, test } from "vitest";
import { leftoverGates } from "../../src/conductor/leftovers.ts";
import { paths } from "../../src/conductor/paths.ts";
import { closedOf, judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { fakeSystemd, runningService } from "../support/machine/fake-systemd.ts";
import { type Program, scriptedHost } from "../support/machine/scripted-host.ts";

const markers = { begin: "# BEGIN ours", end: "# END ours" };
const block = `${markers.begin}\nDAEMON_ARGS="$DAEMON_ARGS --config-dir /etc/magnum/magnum.conf.d"\n${markers.end}\n`;
const byHand = 'DAEMON_ARGS="$DAEMON_ARGS --config-dir /etc/magnum/magnum.conf.d"';
const root = { mode: "0644", uid: 0, gid: 0 };

interface Machine {
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly dropIns?: Readonly<Record<string, readonly string[]>>;
  readonly dpkg?: string;
  readonly words?: string;
  readonly hasApi?: boolean;
}

async function found(machine: Machine) {
  const dropIns: Program = (argv) =>
    argv[3] === "--property=DropInPaths"
      ? { stdout: `${(machine.dropIns?.[argv[2] ?? ""] ?? []).join(" ")}\n` }
      : undefined;
  const dpkg: Program = ([program]) =>
    program !== "dpkg-query"
      ? undefined
      : machine.dpkg === undefined
        ? { code: 1, stderr: "dpkg-query: no packages found matching python3-magnum-capi-helm\n" }
        : { stdout: `Package: python3-magnum-capi-helm\nStatus: ${machine.dpkg}\nVersion: 1.2.0-3\n` };
  const init: Program = (argv) =>
    argv.at(-1) === "show-args" ? { stdout: `${machine.words ?? "--config-dir /x"}\n` } : undefined;
  const services = { "magnum-conductor": runningService({ mainPid: 100 }) };
  const host = scriptedHost([dropIns, dpkg, init, fakeSystemd(services)], {
    [paths.magnumConf]: "[DEFAULT]\n",
    [paths.dropIn]: "[capi_helm]\n",
    [paths.conductorDefaults]: `OTHER=1\n${block}`,
    "/usr/local/bin/helm": "helm",
    ...machine.files,
  });
  for (const [path, target] of Object.entries(machine.links ?? {})) {
    await host.fs.makeDirectory(path.replace(/\/[^/]*$/, ""), { ...root, mode: "0755" });
    await host.fs.link(path, target);
  }
  const unit = { ...conductorFacts, hasApi: machine.hasApi ?? true };
  const results = await judge(host, leftoverGates(unit, markers));
  return closedOf(results).map(({ id, cure, reason, remedy }) => [id, cure, reason, remedy]);
}

describe("on a unit that was grafted by hand", () => {
  test("nothing is noted where nothing is left", async () => {
    expect(await found({})).toEqual([]);
  });

  test("a drop-in of systemd that sets the command is, and no other drop-in", async () => {
    const folder = "/etc/systemd/system/magnum-conductor.service.d";
    const dropIns = {
      "magnum-conductor": [`${folder}/limits.conf`, `${folder}/capi.conf`],
      "magnum-api": ["/etc/systemd/system/magnum-api.service.d/a.conf"],
    };
    const files = {
      [`${folder}/limits.conf`]: "[Service]\nLimitNOFILE=9\nExecStartPre=/bin/true\n# ExecStart=/bin/false\n",
      [`${folder}/capi.conf`]: "[Service]\nExecStart=\nExecStart=/usr/bin/magnum-conductor\n",
      "/etc/systemd/system/magnum-api.service.d/a.conf": "[Service]\n ExecStart = /x\n",
    };
    const conductor = `${folder}/capi.conf sets ExecStart of magnum-conductor`;
    const remedy = `rm ${folder}/capi.conf; systemctl daemon-reload; systemctl restart magnum-conductor`;
    expect(await found({ dropIns, files })).toEqual([
      [
        "leftover-exec-start",
        "note",
        `${conductor}; /etc/systemd/system/magnum-api.service.d/a.conf sets ExecStart of magnum-api`,
        remedy,
      ],
    ]);
    expect((await found({ dropIns, files, hasApi: false }))[0]?.[2]).toBe(conductor);
  });

  test.each([paths.magnumConf, `${paths.dropInDirectory}/50-hand.conf`])(
    "enabled_drivers in %s is",
    async (path) => {
      const text = "[drivers]\nenabled_drivers = k8s_capi_helm_v1\n";
      expect(await found({ files: { [path]: text } })).toEqual([
        [
          "leftover-enabled-drivers",
          "note",
          `${path} sets enabled_drivers`,
          "take enabled_drivers out of that file",
        ],
      ]);
    },
  );

  test.each([
    [paths.magnumConf, "#enabled_drivers = a\n[drivers]\ndisabled_drivers = b\n"],
    [`${paths.dropInDirectory}/50-hand.conf.off`, "enabled_drivers = a\n"],
  ])("%s with %j is not: nothing reads that", async (path, text) => {
    expect(await found({ files: { [path]: text } })).toEqual([]);
  });

  test("Debian's driver beside the charm's is, unless it was removed", async () => {
    expect(await found({ dpkg: "install ok installed" })).toEqual([
      [
        "leftover-driver-copy",
        "note",
        "python3-magnum-capi-helm 1.2.0-3 is installed too: the charm's driver comes before it",
        "apt-get remove python3-magnum-capi-helm",
      ],
    ]);
    expect(await found({ dpkg: "deinstall ok config-files" })).toEqual([]);
  });

  test("a driver in the home of the daemon's user is", async () => {
    const folder = "/var/lib/magnum/.local/lib/python3.10/site-packages";
    expect(await found({ files: { [`${folder}/magnum_capi_helm/__init__.py`]: "" } })).toMatchObject([
      ["leftover-driver-copy", "note", `a driver in ${folder} comes before the charm's`, {}],
    ]);
  });

  test.each([
    [paths.conductorDefaults, `${byHand}\n${block}`],
    [paths.conductorDefaults, `${block}${byHand}\n`],
    [paths.openstackDefaults, `${byHand}\n`],
  ])("a line beside the charm's block in %s is", async (path, text) => {
    expect(await found({ files: { [path]: text } })).toEqual([
      ["leftover-wiring", "note", `${path} has --config-dir: ${byHand}`, `take that line out of ${path}`],
    ]);
  });

  test("a line that is a comment is not", async () => {
    expect(await found({ files: { [paths.openstackDefaults]: `# ${byHand}\n` } })).toEqual([]);
  });

  test("a conductor that would get the option twice is, where no file says why", async () => {
    const words = "--config-dir /a --config-dir=/b --config-directory";
    expect(await found({ words })).toMatchObject([
      ["leftover-wiring", "note", "magnum-conductor would get --config-dir 2 times", {}],
    ]);
  });

  test("another helm is, with where it leads", async () => {
    const links = { "/usr/bin/helm": "/opt/helm/helm" };
    expect(await found({ links, files: { "/snap/bin/helm": "x" } })).toEqual([
      [
        "leftover-helm",
        "note",
        "another helm: /usr/bin/helm -> /opt/helm/helm; another helm: /snap/bin/helm",
        "rm /usr/bin/helm",
      ],
    ]);
  });
});
