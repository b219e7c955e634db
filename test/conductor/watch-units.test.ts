import { expect, test } from "vitest";
import { watchedPaths, watchUnits } from "../../src/conductor/watch-units.ts";
import { originals } from "../../src/resources/originals.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { fakeUnitFiles } from "../support/machine/fake-unit-files.ts";
import { scriptedHost } from "../support/machine/scripted-host.ts";

const kept = originals("/state/originals");
const charm = { charmDirectory: "/charm", driverVersion: "1.4.0" };

/** The text of each unit file, by its type. */
async function texts(unit = conductorFacts) {
  const host = scriptedHost([fakeUnitFiles().program], { "/etc/systemd/system/other": "" });
  const found: Record<string, string> = {};
  for (const resource of watchUnits(unit, charm, kept)) {
    await resource.apply(host, { id: resource.id, action: "create", drift: [{ key: "sha256" } as never] });
    const name = resource.id.slice("unit:".length);
    const bytes = await host.fs.read(`/etc/systemd/system/${name}`);
    found[name.split(".")[1] ?? ""] = Buffer.from(bytes ?? "").toString();
  }
  return found;
}

const watchedBySystemd = (text = "") =>
  [...text.matchAll(/^PathChanged=(.*)$/gm)].map(([, path]) => path ?? "");

test("systemd watches what is there on every unit, and directories for files that may be missing", async () => {
  expect(watchedBySystemd((await texts())["path"])).toEqual([
    "/etc/init.d",
    "/usr/bin/magnum-conductor",
    "/usr/bin/python3",
    "/etc/default",
    "/etc/magnum",
    "/etc/magnum/magnum.conf.d",
    "/usr/local/bin/helm",
    "/usr/local/bin/capi-graft",
    "/etc/systemd/system",
    "/usr/local/lib/python3.11/dist-packages",
    "/usr/local/lib/python3.11/dist-packages/magnum_capi_helm",
    "/usr/local/lib/python3.11/dist-packages/magnum_capi_helm-1.4.0.dist-info",
    "/var/lib/dpkg/status",
  ]);
});

test("an event of every path that a signature is taken of is seen", async () => {
  const seen = watchedBySystemd((await texts())["path"]);
  const unseen = watchedPaths(conductorFacts).filter(
    (path) => !seen.includes(path) && !seen.includes(path.slice(0, path.lastIndexOf("/"))),
  );
  expect(unseen).toEqual([]);
});

test("no packages are watched where Python's version is not known", async () => {
  const { path } = await texts({ ...conductorFacts, pythonPackages: "" });
  expect(path).not.toContain("dist-packages");
});

test("the service runs the charm's program while it is there, as often as it is asked, for a bounded time", async () => {
  const { service = "" } = await texts();
  expect(service).toContain("ExecStart=/charm/bin/node /charm/dist/main.cjs watch\n");
  expect(service).toContain(
    "ConditionPathExists=/charm/bin/node\nConditionPathExists=/charm/dist/main.cjs\n",
  );
  expect(service).toMatch(/^StartLimitIntervalSec=0$/m);
  expect(service).toMatch(/^TimeoutStartSec=\d+min$/m);
});

test("nothing looks more often than once a minute", async () => {
  expect((await texts())["timer"]).toMatch(/^OnUnitInactiveSec=60s$/m);
});
