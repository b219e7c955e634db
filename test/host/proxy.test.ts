import { expect, test } from "vitest";
import { haveLogin, isDirectItem, proxyFor, proxyVariables, showProxy } from "../../src/host/proxy.ts";

function isDirect(url: string, ...direct: readonly string[]): boolean {
  const proxies = { http: "http://proxy:3128", https: "http://proxy:3128", direct };
  return proxyFor(new URL(url), proxies) === undefined;
}

test("a URL goes through the proxy of its scheme", () => {
  const proxies = { http: "http://one:1", https: "http://two:2", direct: [] };
  expect(proxyFor(new URL("http://host/"), proxies)).toBe("http://one:1");
  expect(proxyFor(new URL("https://host/"), proxies)).toBe("http://two:2");
  expect(proxyFor(new URL("https://host/"), { http: "http://one:1", direct: [] })).toBeUndefined();
  expect(proxyFor(new URL("https://host/"), undefined)).toBeUndefined();
});

test.each([
  ["https://host.example.com/", "host.example.com"],
  ["https://host.example.com/", "example.com"],
  ["https://host.example.com/", ".example.com"],
  ["https://example.com/", ".example.com"],
  ["https://host.example.com/", "*.example.com"],
  ["https://HOST.example.com/", "Host.Example.com"],
  ["https://anything/", "*"],
  ["https://host:8443/", "host:8443"],
  ["https://host/", "host:443"],
  ["http://10.1.2.3/", "10.1.2.3"],
  ["http://10.1.2.3/", "10.0.0.0/8"],
  ["http://10.1.2.3:81/", "10.1.2.3:81"],
  ["https://[fd00::1]:6443/", "fd00:0::1"],
  ["https://[fd00::1]:6443/", "[fd00::1]:6443"],
  ["https://[fd00::1]:6443/", "fd00::/8"],
])("%s goes directly with %s", (url, item) => {
  expect(isDirect(url, "other.test", item)).toBe(true);
});

test.each([
  ["https://badexample.com/", "example.com"],
  ["https://host/", "host:8443"],
  ["https://10.1.2.3.example.com/", "10.0.0.0/8"],
  ["http://11.1.2.3/", "10.0.0.0/8"],
  ["http://10.1.2.3/", "10.0.0.0/40"],
  ["http://10.1.2.3/", "2.3"],
  ["https://host/", "."],
])("%s does not go directly with %s", (url, item) => {
  expect(isDirect(url, item)).toBe(false);
});

test("an item of no_proxy is a name, a domain, an address, a network or a star", () => {
  const good = [
    "*",
    "a",
    "a.b",
    ".a.b",
    "*.a.b",
    "a:80",
    "10.0.0.1",
    "10.0.0.0/8",
    "::1",
    "[::1]:80",
    "fd00::/8",
  ];
  expect(good.filter((item) => !isDirectItem(item))).toEqual([]);
  const bad = ["", "a b", "a'b", "$(a)", "http://a", "a/b", "10.0.0.0/33", "10.0.0.0/", "-", "a*", "\n"];
  expect(bad.filter(isDirectItem)).toEqual([]);
});

test("a proxy is shown without its login", () => {
  expect(showProxy("http://me:secret@proxy.test:3128/")).toBe("http://proxy.test:3128");
  expect(haveLogin({ https: "http://me:secret@proxy:1", direct: [] })).toBe(true);
  expect(haveLogin({ http: "http://proxy:1", direct: [] })).toBe(false);
});

test("programs get the variables in both cases, and none for what is not set", () => {
  expect(proxyVariables({ https: "http://p:1", direct: ["a", "b"] })).toEqual({
    https_proxy: "http://p:1",
    HTTPS_PROXY: "http://p:1",
    no_proxy: "a,b",
    NO_PROXY: "a,b",
  });
  expect(proxyVariables(undefined)).toEqual({});
});
