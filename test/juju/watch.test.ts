import { describe, expect, test } from "vitest";
import { apply, undo } from "../../src/conductor/graft.ts";
import { readHealRecords } from "../../src/conductor/heal-log.ts";
import { paths } from "../../src/conductor/paths.ts";
import type { Signature } from "../../src/conductor/signature.ts";
import { type Host, readText } from "../../src/host/host.ts";
import { lastSignature } from "../../src/juju/signer.ts";
import { watchUnit } from "../../src/juju/watch.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";

const rootOnly = { mode: "0600", uid: 0, gid: 0 };
const placement = { charmDirectory: "/charm", unitName: "magnum-capi-helm/0" };

/** A grafted machine without a signature: the last look is not known. */
async function grafted(options: Readonly<Record<string, unknown>> = {}) {
  const machine = await conductorMachine();
  await machine.host.fs.write("/etc/passwd", "magnum:x:111:112::/var/lib/magnum:/bin/false\n", rootOnly);
  await apply(machine.host, { ...wish(options), ...placement });
  return machine;
}

async function sign(host: Host, signature: Partial<Signature>): Promise<void> {
  const whole = {
    inLine: true,
    takenAt: 1,
    config: "{}",
    secret: "s",
    files: {},
    processes: {},
    ...signature,
  };
  await host.fs.write(paths.signature, JSON.stringify(whole), rootOnly);
}

async function spoil(host: Host, path: string = paths.dropIn): Promise<void> {
  await host.fs.write(path, "# spoilt\n", { mode: "0644", uid: 0, gid: 0 });
}

/** One run of the watch: what it said, and how long it waited, in milliseconds. */
async function run(host: Host) {
  let said = "";
  let waited = 0;
  const counting: Host = {
    ...host,
    sleep: async (ms) => {
      waited += ms;
      await host.sleep(ms);
    },
  };
  await watchUnit(counting, (text) => {
    said += text;
  });
  return { said, waited };
}

const changed = { files: { "/nowhere/at/all": "1 2 3" } };

describe("a run of the watch", () => {
  test("repairs a file without a restart, says so, logs it and signs the unit", async () => {
    const { host } = await grafted();
    const good = await readText(host.fs, paths.dropIn);
    const before = restarts(host.commands).length;
    await sign(host, changed);
    await spoil(host);
    const { said } = await run(host);
    expect(said).toContain(`update file:${paths.dropIn}: `);
    expect(said).toContain("in line\n");
    expect(await readText(host.fs, paths.dropIn)).toBe(good);
    expect(restarts(host.commands)).toHaveLength(before);
    const [record] = await readHealRecords(host);
    expect(record).toMatchObject({ kind: "heal", trigger: "watch", restarts: [] });
    expect(record?.changes.map(({ id, outcome }) => `${outcome} ${id}`)).toEqual([
      `changed file:${paths.dropIn}`,
    ]);
    expect(await lastSignature(host)).toMatchObject({ inLine: true, config: "{}", secret: "s" });
  });

  test("repairs files before it asks for anything else", async () => {
    const { host } = await grafted();
    await spoil(host);
    const first = host.commands.length;
    let commands = -1;
    const looking: Host = {
      ...host,
      fs: {
        ...host.fs,
        write: async (path, ...rest) => {
          if (path === paths.dropIn) commands = host.commands.length - first;
          await host.fs.write(path, ...rest);
        },
      },
    };
    await run(looking);
    expect(commands).toBe(0);
  });

  test("looks at everything by programs where the daemons' user may be another by now", async () => {
    const { host } = await grafted();
    await host.fs.write("/etc/passwd", "magnum:x:999:112::/var/lib/magnum:/bin/false\n", rootOnly);
    await spoil(host);
    const first = host.commands.length;
    await run(host);
    expect(host.commands.length).toBeGreaterThan(first);
    expect(await readText(host.fs, paths.dropIn)).not.toBe("# spoilt\n");
  });

  test("leaves a drift alone, and reports it, where self-heal is off", async () => {
    const { host } = await grafted({ "self-heal": false });
    await spoil(host);
    await run(host);
    expect(await readText(host.fs, paths.dropIn)).toBe("# spoilt\n");
    expect((await readHealRecords(host)).map(({ kind }) => kind)).toEqual(["report"]);
    expect(await lastSignature(host)).toMatchObject({ inLine: false, attempts: 1 });
  });

  test("does nothing where nothing is asked for, nor after a removal that it waited for", async () => {
    const { host } = await conductorMachine();
    expect(await run(host)).toEqual({ said: "", waited: 0 });
    const removed = await grafted();
    const waiting: Host = {
      ...removed.host,
      lock: async () => {
        await undo({ ...removed.host, lock: async () => () => {} }, "apply");
        return () => {};
      },
    };
    await run(waiting);
    expect(await removed.host.fs.stat(paths.state)).toBeUndefined();
    expect(await removed.host.fs.stat(paths.dropIn)).toBeUndefined();
  });

  test("does nothing where the signature holds again once packages are at rest", async () => {
    const { host } = await grafted();
    await sign(host, {});
    const first = host.commands.length;
    expect(await run(host)).toEqual({ said: "", waited: 0 });
    expect(host.commands).toHaveLength(first);
  });

  test("looks again before it ends, and repairs what came meanwhile; the fuse makes it wait", async () => {
    const { host } = await grafted();
    await spoil(host);
    let times = 0;
    const fighting: Host = {
      ...host,
      sleep: async (ms) => {
        await host.sleep(ms);
        if (ms !== 500 || times === 2) return;
        times += 1;
        await spoil(host);
        await sign(host, changed);
      },
    };
    const { waited } = await run(fighting);
    expect(await readText(host.fs, paths.dropIn)).not.toBe("# spoilt\n");
    expect(await readHealRecords(host)).toHaveLength(4);
    expect(waited).toBeGreaterThanOrEqual(5000);
    expect(waited).toBeLessThan(15_000);
  });

  test("ends after five rounds", async () => {
    const { host } = await grafted();
    let rounds = 0;
    const restless: Host = {
      ...host,
      lock: async () => {
        rounds += 1;
        return () => {};
      },
      sleep: async (ms) => {
        await host.sleep(ms);
        await sign(host, changed);
      },
    };
    await run(restless);
    expect(rounds).toBe(5);
  });

  test("says a fault of the machine and ends", async () => {
    const { host } = await grafted();
    await sign(host, changed);
    await host.fs.write(paths.desired, "{}", rootOnly);
    await host.fs.remove(paths.desired);
    await host.fs.makeDirectory(paths.desired, { ...rootOnly, mode: "0700" });
    const { said } = await run(host);
    expect(said).toContain(`failed to read ${paths.desired}: EISDIR`);
  });
});

const keysOf = (records: Awaited<ReturnType<typeof readHealRecords>>) =>
  records.flatMap(({ changes }) => changes.flatMap(({ drift }) => drift.map(({ key }) => key))).join(", ");

describe("where Juju's agent is", () => {
  /** The machine with a `juju-exec` that answers so. */
  async function withAgent(answer: (host: Host) => Promise<{ code?: number }>) {
    const machine = await grafted();
    await machine.host.fs.write("/usr/bin/juju-exec", "", rootOnly);
    const calls: (readonly string[])[] = [];
    const host: Host = {
      ...machine.host,
      run: async (argv, options) => {
        if (argv[0] !== "/usr/bin/juju-exec") return await machine.host.run(argv, options);
        calls.push(argv);
        const { code = 0 } = await answer(machine.host);
        return { ok: code === 0, code, stdout: "", stderr: "", timedOut: false };
      },
    };
    await sign(host, changed);
    await spoil(host);
    return { host, calls };
  }

  test("it is asked to run the hook, under its lock; files are repaired before that, and logged", async () => {
    let found: string | undefined;
    const { host, calls } = await withAgent(async (it) => {
      found = await readText(it.fs, paths.dropIn);
      await sign(it, { takenAt: 2 });
      return {};
    });
    const { said } = await run(host);
    expect(calls).toEqual([
      ["/usr/bin/juju-exec", "-u", "magnum-capi-helm/0", "JUJU_DISPATCH_PATH=hooks/self-heal hooks/stub"],
    ]);
    expect(found).toMatch(/^# (?!spoilt)/);
    expect(said).toBe(`update file:${paths.dropIn}: ${keysOf(await readHealRecords(host))}\n`);
    expect(await readText(host.fs, paths.repairs)).toContain(paths.dropIn);
  });

  test("a hook that failed after its look is not run again here", async () => {
    const { host } = await withAgent(async (it) => {
      await spoil(it);
      await sign(it, { takenAt: 2 });
      return { code: 1 };
    });
    await run(host);
    expect(await readText(host.fs, paths.dropIn)).toBe("# spoilt\n");
  });

  test("the repair is made here where no agent answers", async () => {
    const { host, calls } = await withAgent(async () => ({ code: 1 }));
    await host.fs.remove(paths.conductorFacts);
    await run(host);
    expect(calls).toHaveLength(1);
    expect(await readText(host.fs, paths.dropIn)).not.toBe("# spoilt\n");
    expect(await lastSignature(host)).toMatchObject({ inLine: true });
  });
});
