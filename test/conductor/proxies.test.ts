import { describe, expect, test, vi } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import { parseConfig, type RawOptions } from "../../src/conductor/config.ts";
import { blockOf } from "../../src/conductor/defaults-block.ts";
import { apply, type Ending, healLast, lastWish, plan, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import type { ModelProxies } from "../../src/conductor/proxies.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { committedWish, isSameWish } from "../../src/conductor/wish.ts";
import { type DownloadLimits, type Host, readText } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine, type Report, troubles } from "../../src/reconcile/report.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const secret = "s3cr3t-of-the-proxy";
const plain: ModelProxies = {
  http: "http://proxy.test:3128",
  https: "http://proxy.test:3129",
  no: "10.0.0.0/8",
};
const withLogin: ModelProxies = { ...plain, https: `http://me:${secret}@proxy.test:3129` };

function through(proxies: ModelProxies, options: RawOptions = {}) {
  return { ...wish(options), proxies };
}

async function reportOf(work: Promise<Ending>): Promise<Report> {
  const ending = await work;
  if (ending.end !== "report") throw new Error(`no report: ${JSON.stringify(ending)}`);
  return ending.report;
}

async function grafted(proxies?: ModelProxies) {
  const machine = await conductorMachine();
  const wanted = proxies === undefined ? wish() : through(proxies);
  expect(inLine(await reportOf(apply(machine.host, wanted)))).toBe(true);
  return machine;
}

/** The services that are restarted by some work. */
async function restartedBy(host: Awaited<ReturnType<typeof grafted>>["host"], work: () => Promise<unknown>) {
  const before = restarts(host.commands).length;
  await work();
  return restarts(host.commands).slice(before);
}

async function defaultsOf(host: Host): Promise<string> {
  return (await readText(host.fs, paths.conductorDefaults)) ?? "";
}

function proxiesOfConfig(told: ModelProxies, options: RawOptions = {}, kubeconfig = kubeconfigText()) {
  const config = parseConfig(options, kubeconfig, { proxies: told });
  if (!("kubeconfig" in config)) throw new Error(JSON.stringify(config));
  return config.proxies;
}

describe("the model's proxies", () => {
  test("are none without a proxy, whatever juju-no-proxy says", () => {
    const juju = { http: "", https: "", no: "127.0.0.1,localhost,::1" };
    expect(proxiesOfConfig(juju)).toBeUndefined();
    expect(proxiesOfConfig({ ...juju, no: "$(rm)" })).toBeUndefined();
  });

  test("never lead to this machine, nor to the management cluster", () => {
    expect(proxiesOfConfig({ ...plain, no: "a.test,::1" })?.direct).toEqual([
      "a.test",
      "::1",
      "localhost",
      "127.0.0.1",
      "192.0.2.10",
    ]);
  });

  test("lead to the management cluster where the operator wants it so", () => {
    const direct = proxiesOfConfig(plain, { "management-no-proxy": false })?.direct;
    expect(direct).toEqual(["10.0.0.0/8", "localhost", "127.0.0.1", "::1"]);
  });

  test("take an IPv6 address of the management cluster without its brackets", () => {
    const kubeconfig = kubeconfigText().replace("192.0.2.10", "[fd00::10]");
    expect(proxiesOfConfig(plain, {}, kubeconfig)?.direct).toContain("fd00::10");
  });

  test.each([
    "http://proxy:3128",
    "https://proxy.example.com:443/",
    "http://10.0.0.1",
    "http://[fd00::1]:3128",
    "http://me@proxy:1",
    "http://me:p%40ss.~!&*+,;=-_@proxy:3128",
  ])("%s is taken", (http) => {
    expect(proxiesOfConfig({ http, https: "", no: "" })).toMatchObject({ http });
  });

  test.each([
    "proxy:3128",
    "socks5://proxy:1080",
    "ftp://proxy",
    "http://",
    "http://proxy:port",
    "http://proxy:99999",
    "http://proxy/path",
    "http://proxy?x=y",
    "http://pro xy:1",
    " http://proxy:1",
    "http://proxy:1\n",
    "http://proxy:1\nexport PATH=/",
    "http://pro'xy:1",
    'http://"proxy":1',
    "http://me:p'w@proxy:1",
    "http://$(id)@proxy:1",
    "http://me:`id`@proxy:1",
    "http://me:$x@proxy:1",
    "http://me:p@ss@proxy:1",
    "http://me:%zz@proxy:1",
    "http://pröxy:1",
    "http://proxy:1\0",
    "http://proxy\\:1",
    `http://${"a".repeat(1_000_000)}$:1`,
  ])("%j is refused, and not shown", (http) => {
    const refusals = parseConfig({}, kubeconfigText(), { proxies: { http, https: "", no: "" } });
    expect(refusals).toEqual([
      {
        option: "juju-http-proxy",
        value: "(not shown)",
        accepted: "http://HOST:PORT; juju model-config juju-http-proxy=URL",
      },
    ]);
  });

  test.each(["a b", "a, b", "a;b", "a'", "$(id)", "a\nb", "http://a", "a,,b", "10.0.0.0/99", "a\0"])(
    "the list %j is refused, and the status names the model's setting",
    (no) => {
      const refusals = parseConfig({}, kubeconfigText(), { proxies: { ...plain, no } });
      if (!Array.isArray(refusals)) throw new Error("it was taken");
      const { status, message } = statusFor({ end: "refused", refusals });
      expect(status).toBe("blocked");
      expect(message).toContain("juju-no-proxy: (not shown)");
      expect(message).toContain("juju model-config juju-no-proxy=LIST");
    },
  );

  test("that are refused leave everything as it is", async () => {
    const { host } = await grafted(plain);
    const before = await listing(host, ["/etc", "/usr/local", "/var"], { times: true });
    const ending = await apply(host, through({ ...plain, http: "socks5://proxy:1" }));
    expect(ending).toMatchObject({ end: "refused", refusals: [{ option: "juju-http-proxy" }] });
    expect(await listing(host, ["/etc", "/usr/local", "/var"], { times: true })).toEqual(before);
  });
});

describe("the block in /etc/default", () => {
  test("has the same bytes as ever without a proxy", () => {
    expect(blockOf(paths.conductorDefaults, undefined)).toBe(`\
# BEGIN magnum-capi-helm: written by the charm, change it with juju config
PATH="$PATH:/usr/local/bin"
if [ -d /etc/magnum/magnum.conf.d ]; then DAEMON_ARGS="$DAEMON_ARGS --config-dir /etc/magnum/magnum.conf.d"; fi
# END magnum-capi-helm
`);
  });

  test("exports the proxies in both cases, for the conductor alone", () => {
    const proxies = proxiesOfConfig({ ...plain, http: "" });
    const more = blockOf(paths.conductorDefaults, proxies)
      .split("\n")
      .filter((line) => line.startsWith("export"));
    expect(more).toEqual([
      "export https_proxy='http://proxy.test:3129'",
      "export HTTPS_PROXY='http://proxy.test:3129'",
      "export no_proxy='10.0.0.0/8,localhost,127.0.0.1,::1,192.0.2.10'",
      "export NO_PROXY='10.0.0.0/8,localhost,127.0.0.1,::1,192.0.2.10'",
    ]);
    expect(blockOf(paths.apiDefaults, proxies)).toBe(blockOf(paths.apiDefaults, undefined));
  });
});

describe("a conductor", () => {
  test("that gets a proxy is restarted once, the API is not, and it runs with it", async () => {
    const { host } = await grafted();
    let report: Report | undefined;
    const restarted = await restartedBy(host, async () => {
      report = await reportOf(apply(host, through(plain)));
    });
    expect(restarted).toEqual(["magnum-conductor"]);
    expect(troubles(report ?? { mode: "apply", outcomes: [], gates: [] })).toEqual([]);
    const open = report?.gates.filter(({ state }) => state === "open").map(({ id }) => id);
    expect(open).toEqual(expect.arrayContaining(["conductor-proxies", "magnum-conductor-live"]));
    expect(await defaultsOf(host)).toContain("export http_proxy='http://proxy.test:3128'\n");
  });

  test("that keeps its proxy is left alone", async () => {
    const { host } = await grafted(plain);
    expect(await restartedBy(host, () => apply(host, through(plain)))).toEqual([]);
  });

  test("that loses its proxy has the bytes of before, and is restarted once", async () => {
    const { host } = await grafted();
    const before = await defaultsOf(host);
    await apply(host, through(plain));
    expect(await restartedBy(host, () => apply(host, wish()))).toEqual(["magnum-conductor"]);
    expect(await defaultsOf(host)).toBe(before);
  });

  test("that drifted is repaired by a run which Juju does not start, with the proxies of the last hook", async () => {
    const { host } = await grafted(plain);
    const before = await defaultsOf(host);
    await host.fs.write(paths.conductorDefaults, "", { mode: "0644", uid: 0, gid: 0 });
    expect(await lastWish(host)).toMatchObject({ proxies: plain });
    await healLast(host);
    expect(await defaultsOf(host)).toBe(before);
  });

  test("is not changed where a line of others would win over the block", async () => {
    const { host } = await grafted();
    const line = "export http_proxy='http://other.test:1'\n";
    const own = `${await defaultsOf(host)}${line}`;
    await host.fs.write(paths.conductorDefaults, own, { mode: "0644", uid: 0, gid: 0 });
    const report = await reportOf(apply(host, through(plain)));
    expect(troubles(report)).toContainEqual({
      source: "conductor-proxies",
      cure: "operator",
      reason: "the conductor would get another http_proxy",
      remedy: "take it out of /etc/default/magnum-conductor",
    });
    expect(await defaultsOf(host)).toBe(own);
    expect((await committedWish(host))?.proxies).toBeUndefined();
  });

  test("that runs without the proxies is seen in its own environment", async () => {
    const { host } = await grafted(plain);
    const environment = await environmentFile(host);
    const text = (await readText(host.fs, environment)) ?? "";
    await host.fs.write(environment, text.replace("proxy.test:3129", "old.test"), {
      mode: "0400",
      uid: 0,
      gid: 0,
    });
    expect(troubles(await reportOf(plan(host, through(plain))))).toContainEqual({
      source: "magnum-conductor-live",
      cure: "operator",
      reason: "the conductor has another https_proxy than the model",
      remedy: "systemctl restart magnum-conductor",
    });
  });

  test("goes back to the proxies of before by a rollback, and is held there", async () => {
    const { host } = await grafted(plain);
    const other = { ...plain, http: "http://other.test:1" };
    await apply(host, through(other));
    expect(await rollback(host, "previous")).toMatchObject({ hold: { kind: "rollback" } });
    expect(await defaultsOf(host)).toContain("export http_proxy='http://proxy.test:3128'\n");
    await apply(host, through(other));
    expect(await defaultsOf(host)).toContain("export http_proxy='http://proxy.test:3128'\n");
  });

  test("that is taken back has no proxy left", async () => {
    const { host } = await grafted(withLogin);
    await undo(host, "apply");
    expect(await defaultsOf(host)).toBe("");
    expect(await listing(host, ["/var/lib", "/var/cache", "/etc/default"])).not.toContain(secret);
  });
});

/** The environment of the process that the fake systemd started last for the conductor. */
async function environmentFile(host: Host): Promise<string> {
  for (const pid of (await host.fs.list("/proc")) ?? []) {
    const path = `/proc/${pid}/environ`;
    const text = await readText(host.fs, path);
    if (text?.includes("http_proxy=http://proxy.test:3128")) return path;
  }
  throw new Error("no process has the proxies");
}

describe("the login of a proxy", () => {
  test("is for root and the daemon alone, and for everybody again when it is gone", async () => {
    const { host } = await grafted(withLogin);
    const modes = { mode: "0640", uid: 0, gid: 112 };
    expect(await host.fs.stat(paths.conductorDefaults)).toMatchObject(modes);
    expect(await host.fs.stat(paths.desired)).toMatchObject({ mode: "0600", uid: 0 });
    expect(inLine(await reportOf(plan(host, through(withLogin))))).toBe(true);
    await apply(host, through(plain));
    expect(await host.fs.stat(paths.conductorDefaults)).toMatchObject({ mode: "0644", uid: 0, gid: 0 });
  });

  test("is closed again where somebody opened the file", async () => {
    const { host } = await grafted(withLogin);
    await host.fs.setOwnership(paths.conductorDefaults, { mode: "0644", uid: 0, gid: 0 });
    await apply(host, through(withLogin));
    expect(await host.fs.stat(paths.conductorDefaults)).toMatchObject({ mode: "0640", gid: 112 });
  });

  test("comes back closed when a change is reverted", async () => {
    const { host, faults } = await grafted(withLogin);
    faults.atStart = () => (hasPlainProxy ? "crashes" : "runs");
    let hasPlainProxy = true;
    const ending = apply(host, through(plain), {
      watch: ({ step }) => {
        if (step === "reverting") hasPlainProxy = false;
      },
    });
    expect(await ending).toMatchObject({ hold: { kind: "reverted" } });
    expect(await defaultsOf(host)).toContain(secret);
    expect(await host.fs.stat(paths.conductorDefaults)).toMatchObject({ mode: "0640", uid: 0, gid: 112 });
  });

  test("is in no argument, no report, and nothing that the command prints", async () => {
    const { host } = await grafted(plain);
    const planned = await reportOf(plan(host, through(withLogin)));
    const changed = await reportOf(apply(host, through(withLogin)));
    const printed: string[] = [];
    const out = (text: string) => void printed.push(text);
    for (const verb of ["plan", "status", "verify", "heal-log"]) {
      for (const args of [[verb], [verb, "--json"]])
        await runCli(args, { host, out, err: out, colour: false });
    }
    expect(printed.join("")).toContain("http://proxy.test:3129");
    expect(JSON.stringify([planned, changed, host.commands, printed])).not.toContain(secret);
    expect((await readText(host.fs, paths.healLog)) ?? "").not.toContain(secret);
  });
});

describe("a fetch", () => {
  test("of helm goes through the proxies", async () => {
    const { host } = await conductorMachine();
    const seen: DownloadLimits[] = [];
    const spied: Host = {
      ...host,
      download: (url, to, limits) => {
        seen.push(limits);
        return host.download(url, to, limits);
      },
    };
    await apply(spied, through(withLogin));
    const proxies = proxiesOfConfig(withLogin);
    expect(seen).toEqual([{ maxBytes: 209_715_200, timeoutMs: 300_000, proxies }]);
  });

  test("of helm that the proxy refuses says so, with what to look at", async () => {
    const { host } = await conductorMachine();
    const refused = {
      ok: false,
      reason: "HTTP 407, through the proxy http://p:1",
      proxy: "http://p:1",
    } as const;
    const ending = await apply({ ...host, download: async () => refused }, through(plain));
    const { status, message } = statusFor(ending);
    expect(status).toBe("waiting");
    expect(message).toBe(
      "not changed, helm-fetched: can't be fetched; next: does the model's proxy let it through?",
    );
  });
});

describe("a wish", () => {
  test("is another one with other proxies, and the same one without any as ever", () => {
    expect(isSameWish(wish(), through(plain))).toBe(false);
    expect(isSameWish(through(plain), through({ ...plain, no: "" }))).toBe(false);
    expect(isSameWish(through(plain), through({ ...plain }))).toBe(true);
  });

  test("out of a file has the proxies that the file names as the model would", async () => {
    const { host } = await conductorMachine();
    const { options, kubeconfig } = wish();
    const lines = Object.entries({ ...options, kubeconfig: "/root/k", "juju-https-proxy": withLogin.https });
    const owner = { mode: "0600", uid: 0, gid: 0 };
    await host.fs.makeDirectory("/root", { ...owner, mode: "0700" });
    await host.fs.write("/root/o.yaml", lines.map(([name, it]) => `${name}: "${it}"\n`).join(""), owner);
    await host.fs.write("/root/k", kubeconfig, owner);
    const printed: string[] = [];
    const out = (text: string) => void printed.push(text);
    const code = await runCli(["apply", "--config", "/root/o.yaml"], { host, out, err: out, colour: false });
    expect([code, printed.join("").includes(secret)]).toEqual([0, false]);
    expect(await defaultsOf(host)).toContain(`export https_proxy='${withLogin.https}'\n`);
  });
});
