import { describe, expect, test } from "vitest";
import { originals } from "../../src/resources/originals.ts";
import { systemdUnit, systemdUnitAsBefore } from "../../src/resources/systemd-unit.ts";
import { applyAlone, fourFacts } from "../support/four-facts.ts";
import { fakeUnitFiles } from "../support/machine/fake-unit-files.ts";
import { listing } from "../support/machine/listing.ts";
import { scriptedHost } from "../support/machine/scripted-host.ts";

const kept = originals("/state/originals");
const directory = "/etc/systemd/system";
const timer = { directory, name: "look.timer", wantedBy: "timers.target" };
const service = { directory, name: "look.service" };
const text = "[Timer]\nOnActiveSec=1\n[Install]\nWantedBy=timers.target\n";
const rootOwned = { mode: "0644", uid: 0, gid: 0 };

function machine(files: Record<string, string> = {}) {
  const units = fakeUnitFiles();
  const host = scriptedHost([units.program], { [`${directory}/other.service`]: "", ...files });
  const resource = systemdUnit({ ...timer, content: text, originals: kept });
  return { host, units, resource };
}

async function asBefore(host: ReturnType<typeof machine>["host"], it: typeof timer | typeof service = timer) {
  return await systemdUnitAsBefore(host, it, kept);
}

const verbs = (host: ReturnType<typeof machine>["host"]) =>
  host.commands.filter(([, verb]) => verb !== "show").map((words) => words.slice(1).join(" "));

describe("a unit of systemd", () => {
  fourFacts(machine, {
    "its text is edited": {
      spoil: ({ host }) => host.fs.write(`${directory}/look.timer`, "[Timer]\n", rootOwned),
      drift: ["sha256", "loaded", "enabled"],
    },
    "only root may read it": {
      spoil: ({ host }) => host.fs.setOwnership(`${directory}/look.timer`, { ...rootOwned, mode: "0600" }),
      drift: ["mode"],
    },
    "it is gone": {
      spoil: ({ host }) => host.fs.remove(`${directory}/look.timer`),
      drift: ["kind", "sha256", "mode", "owner", "loaded", "enabled", "active"],
    },
    "it is disabled": {
      spoil: ({ host }) => host.fs.remove(`${directory}/timers.target.wants/look.timer`),
      drift: ["enabled"],
    },
    "it is stopped": { spoil: ({ units }) => void units.active.clear(), drift: ["active"] },
    "systemd has not loaded it as it is": {
      spoil: ({ units }) => void units.loaded.set("look.timer", "[Timer]\nOnActiveSec=9\n"),
      drift: ["loaded"],
    },
  });

  test("is loaded before it is started, and not loaded again to be started", async () => {
    const { host, units, resource } = machine();
    await applyAlone(host, resource);
    expect(verbs(host)).toEqual(["enable --no-reload look.timer", "daemon-reload", "restart look.timer"]);
    units.active.clear();
    await applyAlone(host, resource);
    expect(verbs(host).slice(3)).toEqual(["restart look.timer"]);
  });

  test("that no target wants is loaded, and neither enabled nor started", async () => {
    const { host } = machine();
    const resource = systemdUnit({ ...service, content: "[Service]\n", originals: kept });
    expect(await applyAlone(host, resource)).toMatchObject({ outcome: "changed" });
    expect(verbs(host)).toEqual(["daemon-reload"]);
  });

  test.each(["enable", "daemon-reload", "restart", "show"])(
    "that systemctl can't %s is a fault with its words",
    async (verb) => {
      const { host, units, resource } = machine();
      units.failing = verb;
      const work = verb === "show" ? resource.observe(host) : resource.apply(host, await changeOf(resource));
      await expect(work).rejects.toThrow(`systemctl ${verb}`);
      await expect(work).rejects.toThrow("no reason");
    },
  );
});

async function changeOf({ id, desired }: ReturnType<typeof machine>["resource"]) {
  const drift = Object.keys(desired).map((key) => ({ key, observed: undefined, desired: "" }));
  return { id, action: "create" as const, drift };
}

describe("a unit as it was before", () => {
  test("is nothing to do where it was never touched", async () => {
    const { host } = machine();
    expect(await asBefore(host)).toEqual([]);
  });

  test("is gone with its link and the link's directory, stopped without a wait and unloaded", async () => {
    const { host, units, resource } = machine();
    const before = await listing(host, ["/etc"]);
    await applyAlone(host, resource);
    for (const it of await asBefore(host)) {
      expect(await applyAlone(host, it)).toMatchObject({ outcome: "changed" });
    }
    expect(await listing(host, ["/etc"])).toEqual(before);
    expect([units.active.size, units.loaded.has("look.timer")]).toEqual([0, false]);
    expect(verbs(host).slice(3)).toEqual(["stop --no-block look.timer", "daemon-reload"]);
    for (const it of await asBefore(host)) {
      expect(await applyAlone(host, it)).toMatchObject({ outcome: "unchanged" });
    }
  });

  test("is gone where only its link was left", async () => {
    const { host, resource } = machine();
    await applyAlone(host, resource);
    await host.fs.remove(`${directory}/look.timer`);
    const [unit] = await asBefore(host);
    expect(unit && (await applyAlone(host, unit))).toMatchObject({ outcome: "changed" });
    expect(await host.fs.stat(`${directory}/timers.target.wants/look.timer`)).toBeUndefined();
  });

  test("keeps a directory of links that others use", async () => {
    const { host, resource } = machine({ [`${directory}/timers.target.wants/other.timer`]: "" });
    const before = await listing(host, ["/etc"]);
    await applyAlone(host, resource);
    for (const it of await asBefore(host)) await applyAlone(host, it);
    expect(await listing(host, ["/etc"])).toEqual(before);
  });

  test("does not stop the unit that this very process runs in", async () => {
    const { host } = machine({ "/proc/self/cgroup": "0::/system.slice/look.service\n" });
    await applyAlone(host, systemdUnit({ ...service, content: "[Service]\n", originals: kept }));
    for (const it of await asBefore(host, service)) await applyAlone(host, it);
    expect(verbs(host)).toEqual(["daemon-reload", "daemon-reload"]);
  });

  test("is the file that stood there first", async () => {
    const { host, units, resource } = machine({ [`${directory}/look.timer`]: "theirs\n" });
    const before = await listing(host, [`${directory}/look.timer`]);
    await applyAlone(host, resource);
    for (const it of await asBefore(host)) await applyAlone(host, it);
    expect(await listing(host, [`${directory}/look.timer`])).toEqual(before);
    expect(units.loaded.get("look.timer")).toBe("theirs\n");
  });
});
