import { describe, expect, test } from "vitest";
import { apply } from "../../src/conductor/graft.ts";
import { hasSameProxies, kubeconfigOf, toldProxies } from "../../src/juju/quiet.ts";
import { lastOrigin, lastSignature, signer } from "../../src/juju/signer.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";

const http = { JUJU_CHARM_HTTP_PROXY: "http://p:1" };

/** A hook's environment in a model whose proxies were never set: juju-no-proxy has a default of its own. */
const unset = {
  JUJU_CHARM_HTTP_PROXY: "",
  JUJU_CHARM_HTTPS_PROXY: "",
  JUJU_CHARM_FTP_PROXY: "",
  JUJU_CHARM_NO_PROXY: "127.0.0.1,localhost,::1",
};

describe("the proxies that a hook is told of", () => {
  test("are none in a model without any, nor outside of a hook", () => {
    expect([toldProxies(unset), toldProxies({})]).toEqual(["", ""]);
  });

  test("are the three settings of the model", () => {
    const environment = { ...unset, ...http, JUJU_CHARM_NO_PROXY: "a,b" };
    expect(toldProxies(environment)).toBe('["http://p:1","","a,b"]');
  });

  test.each([
    ["a proxy that came", unset, http],
    ["a proxy that went", http, unset],
    ["another proxy", http, { JUJU_CHARM_HTTP_PROXY: "http://p:2" }],
    ["the same proxy for another scheme", http, { JUJU_CHARM_HTTPS_PROXY: "http://p:1" }],
    ["another list", http, { ...http, JUJU_CHARM_NO_PROXY: "a" }],
  ])("are seen to differ from those of the last look: %s", (_, before, now) => {
    const proxies = toldProxies(before);
    expect(hasSameProxies({ proxies }, before)).toBe(true);
    expect(hasSameProxies({ proxies }, now)).toBe(false);
  });

  test("are those of a signature that an earlier release of the charm wrote, where there are none", () => {
    expect(hasSameProxies({}, unset)).toBe(true);
  });

  test("stay in the signature when a run that Juju does not start writes it anew", async () => {
    const { host } = await conductorMachine();
    const proxies = toldProxies(http);
    const ending = await apply(host, wish());
    await signer(host, { config: "{}", secret: "secret:x", proxies }, "/charm").keep(ending);
    await signer(host, await lastOrigin(host), "/charm").keep(ending);
    expect(await lastSignature(host)).toMatchObject({ proxies });
  });
});

describe("a secret's answer", () => {
  test("that is no JSON is a defect whose words have nothing of it", () => {
    const words = () => {
      try {
        return kubeconfigOf({ code: 0, stdout: "t0ken" });
      } catch (error) {
        return error instanceof Error ? error.stack : "";
      }
    };
    expect(words()).toContain("secret-get ended with 0, but printed no JSON");
    expect(words()).not.toContain("t0ken");
  });
});
