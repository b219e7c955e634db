import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it, onTestFinished } from "vitest";
import { rigCache } from "./cache.ts";
import { describeRig } from "./describe-rig.ts";

const script = join(import.meta.dirname, "rig.ts");

async function rig(
  argv: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<{ code: number | undefined; stdout: string; stderr: string }> {
  const { input = "", env = {} } = options;
  const { exitCode, stdout, stderr } = await execa(process.execPath, [script, ...argv], {
    reject: false,
    input,
    env,
    timeout: 120_000,
  });
  return { code: exitCode, stdout, stderr };
}

describeRig("the rig's command", () => {
  it("boots a conductor that stays, runs commands in it and takes it away", async () => {
    const name = `command-${process.pid}`;
    onTestFinished(async () => void (await rig(["down", name])));
    expect(await rig(["up", "--recipe", "trixie", "--name", name])).toMatchObject({ code: 0, stdout: name });
    expect(await rig(["list"])).toMatchObject({ stdout: expect.stringContaining(`${name}\ttrixie\tup`) });
    const { stdout: json } = await rig(["list", "--json"]);
    const own = JSON.parse(json).find((each: { name: string }) => each.name === name);
    expect(own).toEqual({ name, recipe: "trixie", kept: true, owner: expect.any(Number) });

    expect(await rig(["exec", name, "systemctl", "is-active", "magnum-conductor"])).toEqual({
      code: 0,
      stdout: "active",
      stderr: "",
    });
    expect(await rig(["exec", name, "--", "sh", "-c", "cat; exit 7"], { input: "text" })).toEqual({
      code: 7,
      stdout: "text",
      stderr: "",
    });
    expect(await rig(["up", "--name", name])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is running"),
    });

    expect(await rig(["down", name])).toEqual({ code: 0, stdout: "", stderr: `rig: ${name} is gone` });
    expect((await rig(["list"])).stdout).not.toContain(name);
    expect(await rig(["exec", name, "true"])).toMatchObject({ code: 1 });
    expect(await rig(["down", name])).toMatchObject({ code: 1 });
  });

  it.each([
    ["a command is missing", []],
    ["there is no command fly", ["fly"]],
    ["there is no recipe noble; there are bookworm, trixie", ["up", "--recipe", "noble"]],
    ["there is no recipe noble; there are bookworm, trixie", ["provision", "noble"]],
    ["Unknown option '--fast'", ["up", "--fast"]],
    ["unexpected: more", ["up", "more"]],
    ['"A/b" can\'t name a conductor', ["up", "--name", "A/b"]],
    ["exec needs the name of a conductor", ["exec"]],
    ["exec needs a command where no terminal is", ["exec", "some"]],
    ["down needs one name, or --all", ["down"]],
    ["down needs one name, or --all", ["down", "some", "--all"]],
  ])("exits 64 with: %s", async (reason, argv) => {
    const { code, stdout, stderr } = await rig(argv);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(`rig: ${reason}`);
  });

  it("explains itself on one screen, whatever the command", async () => {
    for (const argv of [["--help"], ["up", "-h"], ["exec", "--help"]]) {
      const { code, stdout, stderr } = await rig(argv);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.split("\n").length).toBeLessThanOrEqual(24);
      expect(stdout).toContain("Usage: npm run rig -- COMMAND");
    }
  });

  it("names what the machine lacks and the package that has it", async () => {
    mkdirSync(rigCache(), { recursive: true });
    const empty = mkdtempSync(join(rigCache(), "test-"));
    onTestFinished(() => rmSync(empty, { recursive: true }));
    const { code, stderr } = await rig(["up"], { env: { PATH: empty } });
    expect(code).toBe(1);
    expect(stderr).toContain("\n  systemd-nspawn: apt-get install systemd-container\n");
    expect(stderr).toContain("\n  debootstrap: apt-get install debootstrap\n");
    expect(stderr).toContain("\n  pip of python3: apt-get install python3-pip\n");
    expect(stderr).toContain("\n  go 1.21 or newer: ");
  });
});
