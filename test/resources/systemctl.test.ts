import { describe, expect, test } from "vitest";
import { HostFault } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { restartUnit, showUnit } from "../../src/resources/systemctl.ts";

/** As systemd 252 prints it for a running service. */
const running = `MainPID=4711
NRestarts=2
ExecMainStartTimestamp=Sun 2026-11-22 23:31:12.123456 UTC
User=magnum
Group=
Result=success
LoadState=loaded
ActiveState=active
`;

async function faultOf(work: Promise<unknown>): Promise<HostFault> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HostFault);
  return error as HostFault;
}

describe("what systemd says of a unit", () => {
  test("is read in any order, the time to the microsecond", async () => {
    const host = memoryHost({ reply: () => ({ stdout: running }) });
    expect(await showUnit(host, "magnum-conductor")).toEqual({
      load: "loaded",
      active: "active",
      result: "success",
      mainPid: 4711,
      restarts: 2,
      startedAt: Date.UTC(2026, 10, 22, 23, 31, 12) + 123.456,
      user: "magnum",
      group: "",
    });
    expect(host.commands[0]?.slice(0, 3)).toEqual(["systemctl", "show", "magnum-conductor"]);
    expect(host.commands[0]).toContain("--timestamp=us+utc");
  });

  test("is never started where there is no time", async () => {
    const stdout = running.replace(/(?<=Timestamp=).*/, "").replace("4711", "0");
    expect(await showUnit(memoryHost({ reply: () => ({ stdout }) }), "x")).toMatchObject({
      startedAt: 0,
      mainPid: 0,
    });
  });

  test("is a fault where systemd does not answer", async () => {
    const stderr = "System has not been booted with systemd as init system (PID 1). Can't operate.\n";
    const fault = await faultOf(showUnit(memoryHost({ reply: () => ({ code: 1, stderr }) }), "x"));
    expect(fault.message).toBe(`systemctl show x failed: ${stderr.trim()}`);
    expect(fault.remedy).toBe("is systemd running on this machine?");
  });
});

describe("a restart", () => {
  test("forgets the failures before it, so that it is not refused for too many of them", async () => {
    const host = memoryHost({ reply: () => ({}) });
    await restartUnit(host, "x");
    expect(host.commands.map((argv) => argv.join(" "))).toEqual([
      "systemctl reset-failed x",
      "systemctl restart x",
    ]);
  });

  test.each([
    [{ code: 1, stderr: "Job for x.service failed.\nSee journalctl.\n" }, "Job for x.service failed."],
    [{ code: -1, timedOut: true }, "no end after 100 s"],
  ])("that fails is a fault which names the log: %j", async (result, why) => {
    const host = memoryHost({ reply: ([, verb]) => (verb === "restart" ? result : {}) });
    const fault = await faultOf(restartUnit(host, "x"));
    expect(fault.message).toBe(`x could not be restarted: ${why}`);
    expect(fault.remedy).toBe("journalctl -u x -n 50");
  });
});
