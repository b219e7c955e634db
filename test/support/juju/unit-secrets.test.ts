import { describe, expect, it } from "vitest";
import { temporaryUnit } from "./temporary-unit.ts";
import type { Unit } from "./unit.ts";

/** The hook runs what the test wrote into the option `word`. */
async function unitWithSecret(granted = true): Promise<{ readonly unit: Unit; readonly uri: string }> {
  const { unit } = await temporaryUnit('eval "$(config-get word)"', { config: { word: "true" } });
  await unit.deploy();
  const uri = await unit.addSecret({ kubeconfig: "one" });
  if (granted) await unit.grantSecret(uri);
  return { unit, uri };
}

async function inHook(unit: Unit, script: string): Promise<{ readonly code: number; readonly text: string }> {
  const changed = await unit.configure({ word: script });
  const result = changed.skipped ? await unit.runHook("update-status") : changed;
  if (result.code !== 0) await unit.configure({ word: "true" }).catch(() => unit.runHook("config-changed"));
  return { code: result.code, text: `${result.stdout}${result.stderr}` };
}

describe("a user secret", () => {
  it("cannot be read before it is granted, and granting it runs no hook", async () => {
    const { unit, uri } = await unitWithSecret(false);
    const before = (await unit.calls()).length;
    expect(await inHook(unit, `secret-get ${uri} || echo "code $?"`)).toMatchObject({
      text: "code 1\nERROR permission denied\n",
    });
    await unit.grantSecret(uri);
    expect((await unit.calls()).length).toBe(before + 2);
    expect(await inHook(unit, `secret-get --format=json ${uri}`)).toEqual({
      code: 0,
      text: '{"kubeconfig":"one"}\n',
    });
  });

  it("stays at the revision first read until a refresh, and a peek moves nothing", async () => {
    const { unit, uri } = await unitWithSecret();
    const get = `secret-get --format=json ${uri}`;
    await inHook(unit, get);
    await unit.updateSecret(uri, { kubeconfig: "two" });
    const four = `${get}; ${get} --peek; ${get}; ${get} --refresh; ${get}`;
    const values = ["one", "two", "one", "two", "two"].map((value) => `{"kubeconfig":"${value}"}\n`);
    expect((await inHook(unit, four)).text).toBe(values.join(""));
  });

  it("tells the unit of a new revision only once the unit has read it", async () => {
    const { unit, uri } = await unitWithSecret();
    expect(await unit.updateSecret(uri, { kubeconfig: "two" })).toMatchObject({
      hook: "secret-changed",
      skipped: true,
    });
    await inHook(unit, `secret-get ${uri}`);
    expect(await unit.updateSecret(uri, { kubeconfig: "three" })).toMatchObject({ skipped: false, code: 0 });
  });

  it("gets no new revision from the same content", async () => {
    const { unit, uri } = await unitWithSecret();
    await inHook(unit, `secret-get ${uri}`);
    expect(await unit.updateSecret(uri, { kubeconfig: "one" })).toMatchObject({ skipped: true });
  });

  it("cannot be read once it is revoked or removed", async () => {
    const { unit, uri } = await unitWithSecret();
    const get = `secret-get --format=json ${uri} || echo "code $?"`;
    expect((await inHook(unit, get)).text).toBe('{"kubeconfig":"one"}\n');
    await unit.revokeSecret(uri);
    expect((await inHook(unit, get)).text).toContain("code 1\n");
    await unit.grantSecret(uri);
    await unit.removeSecret(uri);
    expect((await inHook(unit, get)).text).toBe(`code 1\nERROR secret "${uri}" not found\n`);
  });

  it("has keys of Juju's form, and an address that must be known", async () => {
    const { unit } = await unitWithSecret();
    await expect(unit.addSecret({ "Kube Config": "x" })).rejects.toThrow(
      'secret key "Kube Config" not valid',
    );
    await expect(unit.addSecret({})).rejects.toThrow("empty secret value");
    await expect(unit.grantSecret("secret:d1abc3f2v7as7cq2m0k0")).rejects.toThrow("not found");
  });
});
