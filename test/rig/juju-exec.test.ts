import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { writeToyCharm } from "../support/juju/toy-charm.ts";
import { createUnit } from "../support/juju/unit.ts";
import { startConductor } from "./conductor.ts";

async function toyUnit() {
  const folder = await mkdtemp(join(tmpdir(), "juju-exec-rig-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const conductor = await startConductor({ recipe: "bookworm" });
  onTestFinished(async () => await conductor.down());
  const further = {
    "actions.yaml": "show:\n",
    "actions/show": { script: '#!/bin/sh\naction-set "host=$(hostname)"\n' },
  };
  const unit = await createUnit(conductor, { charm: await writeToyCharm(folder, "exit 0", further) });
  await unit.deploy();
  return { conductor, unit };
}

it("a service of a conductor can call juju-exec, which shares the machine lock and outlives the service", async () => {
  const { conductor, unit } = await toyUnit();
  expect(unit.jujuExec).toBe("/usr/bin/juju-exec");
  const call = ["juju-exec", "-u", "toy/0"];

  const commands = 'status-set blocked "$(pwd -P)"; juju-log healed; systemctl is-system-running; exit 3';
  const service = await conductor.exec(["systemd-run", "--wait", "--pipe", "--quiet", ...call, commands]);
  expect(service).toEqual({ code: 3, stdout: "running\n", stderr: "" });
  expect(await unit.status()).toEqual({
    ...{ status: "blocked", message: "/var/lib/juju/agents/unit-toy-0/charm" },
  });
  expect((await unit.log()).at(-1)).toMatchObject({ level: "INFO", message: "healed" });

  await conductor.exec([
    "systemd-run",
    "--unit=caller",
    ...call,
    "touch /began; sleep 5; date +%s%N >/ended",
  ]);
  const hasBegun = async () => (await conductor.exec(["test", "-e", "/began"])).code;
  await expect.poll(hasBegun, { timeout: 60_000 }).toBe(0);
  expect((await conductor.exec(["systemctl", "stop", "caller"])).code).toBe(0);
  const principal = await unit.runPrincipalHook("config-changed", "date +%s%N; cat /ended");
  const [began = "", ended = ""] = principal.stdout.trim().split("\n");
  expect([principal.code, BigInt(began) > BigInt(ended)]).toEqual([0, true]);

  const { stdout: hostname } = await conductor.exec(["hostname"]);
  expect(await unit.runAction("show")).toMatchObject({
    ...{ status: "completed", results: { host: hostname.trim() } },
  });
  const { stdout: log } = await conductor.exec(["cat", "/var/log/juju/machine-lock.log"]);
  expect(log).toMatch(
    /^[-\d]{10} [:\d]{8} unit-toy-0: toy\/0 uniter \(run commands\), waited \ds, held \ds$/m,
  );
  await unit.remove();
  expect((await conductor.exec(["test", "-e", "/usr/bin/juju-exec"])).code).toBe(1);
});
