import { describe, expect, test } from "vitest";
import { HostFault, readText } from "../../src/host/host.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { originals } from "../../src/resources/originals.ts";
import {
  type PipPackage,
  packageAsBefore,
  packageFiles,
  pipPackage,
  pipPackageInput,
} from "../../src/resources/pip-package.ts";
import { store } from "../../src/resources/store.ts";
import { applyAlone, fourFacts } from "../support/four-facts.ts";
import { fakePython, install, packageFolder } from "../support/machine/fake-python.ts";
import { scriptedHost } from "../support/machine/scripted-host.ts";

const wanted: PipPackage = {
  name: "magnum-capi-helm",
  version: "1.4.0",
  hashes: ["1".repeat(64), "2".repeat(64)],
  entryPoint: { group: "magnum.drivers", name: "k8s_capi_helm_v1" },
  python: "/usr/bin/python3",
  indexUrl: "",
  asUser: ["runuser", "-u", "magnum", "--"],
  option: "driver-version",
  staging: "/staging",
  store: store("/state/store"),
  receipt: "/state/driver.json",
};
const kept = originals("/state/originals");

function machine(more: Partial<PipPackage> = {}) {
  const python = fakePython();
  const host = scriptedHost([python.program]);
  return { python, host, resource: pipPackage({ ...wanted, ...more }, kept) };
}

async function apply({ host, resource }: ReturnType<typeof machine>) {
  return await reconcile(host, { resources: [resource], exitGates: [] }, "apply");
}

const pipCommands = (host: { readonly commands: readonly (readonly string[])[] }) =>
  host.commands.filter(([, , module]) => module === "pip").map((argv) => argv.slice(3).join(" "));

describe("a pip package", () => {
  fourFacts(() => machine(), {
    "it is uninstalled": {
      spoil: ({ python }) => {
        python.installed = undefined;
      },
      drift: ["version", "files", "entry-point", "leftovers"],
    },
    "it is downgraded": { spoil: ({ python }) => install(python, "1.3.0"), drift: ["version"] },
    "one of its files is damaged": {
      spoil: ({ python }) => void python.installed?.damaged.push("magnum_capi_helm/driver.py"),
      drift: ["files"],
    },
    "its entry point is gone": {
      spoil: ({ python }) => {
        if (python.installed) python.installed.entryPoint = false;
      },
      drift: ["entry-point"],
    },
  });

  test("is looked at as the daemons' user, and never through a file on their disk", async () => {
    const { host, resource } = machine();
    await resource.observe(host);
    const [user, ...rest] = [wanted.asUser, ["/usr/bin/python3", "-", "magnum-capi-helm", "magnum.drivers"]];
    expect(host.commands).toEqual([[...user, ...rest.flat(), "k8s_capi_helm_v1"]]);
  });

  test("is looked at once for those who ask at the same time, and anew for who asks later", async () => {
    const { host, python, resource } = machine();
    const looks = [resource.observe(host), pipPackageInput(wanted).read(host)];
    expect(await Promise.all(looks)).toEqual(["absent", { digest: "absent", changedAt: 0 }]);
    expect(host.commands).toHaveLength(1);
    install(python, "1.4.0");
    expect(await resource.observe(host)).toMatchObject({ version: "1.4.0" });
    expect(host.commands).toHaveLength(2);
  });

  test("says which files are damaged, three of them", async () => {
    const { host, python, resource } = machine();
    install(python, "1.4.0");
    python.installed?.damaged.push("a.py", "b.py", "c.py", "d.py");
    expect(await resource.observe(host)).toEqual({
      version: "1.4.0",
      files: "damaged: a.py, b.py, c.py",
      record: expect.stringMatching(/^[0-9a-f]{64}$/),
      leftovers: "none",
      "entry-point": "k8s_capi_helm_v1",
      location: packageFolder,
    });
  });

  test("is fetched by its digests, without dependencies, and installed without the network", async () => {
    const it = machine();
    await apply(it);
    expect(pipCommands(it.host)).toEqual([
      "download --quiet --no-deps --only-binary=:all: --retries 1 --timeout 15 --dest /staging/wheel --requirement /staging/wheel/requirements.txt",
      "install --no-index --no-deps --force-reinstall /state/store/magnum_capi_helm-1.4.0-py3-none-any.whl",
    ]);
    expect(await readText(it.host.fs, "/staging/wheel/requirements.txt")).toBe(
      `magnum-capi-helm==1.4.0 --hash=sha256:${"1".repeat(64)} --hash=sha256:${"2".repeat(64)}\n`,
    );
  });

  test("may be put among the system's packages, by pips that know the switch and by those that don't", async () => {
    const it = machine();
    await apply(it);
    expect(it.python.environment).toMatchObject({
      PIP_BREAK_SYSTEM_PACKAGES: "1",
      PIP_CONFIG_FILE: "/dev/null",
    });
  });

  test.each([
    ["https://mirror/simple", "--index-url https://mirror/simple"],
    ["http://mirror:8080/simple", "--index-url http://mirror:8080/simple --trusted-host mirror:8080"],
  ])("comes from the index %s", async (indexUrl, words) => {
    const it = machine({ indexUrl });
    await apply(it);
    expect(pipCommands(it.host)[0]).toContain(` --timeout 15 ${words} --dest `);
  });

  test("is the wanted one though a killed run has left another wheel", async () => {
    const it = machine();
    await it.host.fs.makeDirectory("/staging/wheel", { mode: "0700", uid: 0, gid: 0 });
    const left = "/staging/wheel/magnum_capi_helm-1.3.0-py3-none-any.whl";
    await it.host.fs.write(left, "wheel of 1.3.0", { mode: "0600", uid: 0, gid: 0 });
    expect((await apply(it)).outcomes).toMatchObject([{ outcome: "changed" }]);
    expect(it.python.installed?.version).toBe("1.4.0");
  });
});

const versions = "(from versions: 1.0.0, 1.1.0, 1.2.0, 1.2.1, 1.3.0, 1.4.0)";
const notFound = (from: string) =>
  `ERROR: Could not find a version that satisfies the requirement magnum-capi-helm==9.9.9 ${from}\n` +
  "ERROR: No matching distribution found for magnum-capi-helm==9.9.9\n";
const wrongHash = `ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, please update the hashes. Otherwise, examine the package contents carefully; someone may have tampered with them.
    magnum-capi-helm==1.4.0 from http://mirror/magnum_capi_helm-1.4.0-py3-none-any.whl (from -r r.txt (line 1)):
        Expected sha256 ${"1".repeat(64)}
             Got        ${"e".repeat(64)}

`;
const down = `WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f18c3d2b290>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/magnum-capi-helm/
${notFound("(from versions: none)")}`;

describe("a wheel that can't be had refuses the run", () => {
  test.each([
    [
      "a version that the index does not have, with those that it has",
      notFound(versions),
      {
        cure: "operator",
        reason:
          "the index has no driver-version=9.9.9: the configured package index has 1.0.0, 1.1.0, 1.2.0, 1.2.1, 1.3.0, 1.4.0",
        remedy: "set one of 1.3.0, 1.4.0",
      },
    ],
    [
      "a wheel with another digest",
      wrongHash,
      {
        cure: "operator",
        reason: "magnum-capi-helm 9.9.9 has a wrong sha256: the configured package index",
        remedy: "repair the mirror",
      },
    ],
    [
      "no pip",
      "/usr/bin/python3: No module named pip\n",
      { cure: "operator", reason: "/usr/bin/python3 has no pip", remedy: "apt-get install python3-pip" },
    ],
    [
      "an index that is down",
      down,
      {
        cure: "time",
        reason:
          "magnum-capi-helm can't be fetched: the configured package index: Could not find a version that satisfies the requirement magnum-capi-helm==9.9.9 (from versions: none)",
        remedy: "is the index reachable?",
      },
    ],
    [
      "anything else, in pip's last words",
      "Traceback (most recent call last):\nOSError: no\n",
      {
        cure: "time",
        reason: "magnum-capi-helm can't be fetched: the configured package index: OSError: no",
      },
    ],
  ])("for %s", async (_, refusal, gate) => {
    const it = machine({ version: "9.9.9" });
    install(it.python, "1.4.0");
    it.python.refusal = refusal;
    const report = await apply(it);
    expect(report.outcomes).toMatchObject([{ outcome: "skipped" }]);
    expect(report.gates).toMatchObject([{ id: "driver-fetched", state: "closed", ...gate }]);
    expect(it.python.installed?.version).toBe("1.4.0");
  });

  test("names the index that is set", async () => {
    const it = machine({ indexUrl: "https://mirror/simple" });
    it.python.refusal = wrongHash;
    expect((await apply(it)).gates).toMatchObject([
      { reason: "magnum-capi-helm 1.4.0 has a wrong sha256: https://mirror/simple" },
    ]);
  });

  test("for an index that takes longer than the time limit", async () => {
    const { python, resource } = machine();
    const host = scriptedHost([
      (argv) => (argv.includes("download") ? { code: -1, timedOut: true } : undefined),
      python.program,
    ]);
    const report = await reconcile(host, { resources: [resource], exitGates: [] }, "apply");
    expect(report.gates).toMatchObject([
      {
        state: "closed",
        cure: "time",
        reason: "fetching magnum-capi-helm took over 180 s: the configured package index",
      },
    ]);
  });

  test("says in its title whether the digest is known", () => {
    const title = (hashes: string[]) => machine({ hashes }).resource.preflight?.[0]?.title;
    expect(title([])).toBe("magnum-capi-helm 1.4.0 is fetched");
    expect(title(["0"])).toBe("magnum-capi-helm 1.4.0 is fetched and has the right sha256");
  });
});

describe("a wheel through a proxy", () => {
  const proxies = { http: "http://p:1", https: "http://me:s3cret@p:2", direct: ["a", "b"] };
  const retrying =
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect to proxy.',";
  const nothing = "ERROR: Could not find a version that satisfies the requirement m (from versions: none)";

  async function fetching(refusal: string, indexUrl: string) {
    const it = machine({ proxies, indexUrl });
    it.python.refusal = refusal;
    const [gate] = (await apply(it)).gates;
    return { ...it, gate };
  }

  test("is asked for in pip's environment, and not on its command line", async () => {
    const { python, host } = await fetching(nothing, "");
    expect(python.environment).toMatchObject({
      http_proxy: "http://p:1",
      https_proxy: "http://me:s3cret@p:2",
      no_proxy: "a,b",
      PIP_NO_INPUT: "1",
    });
    expect(JSON.stringify(host.commands)).not.toContain("s3cret");
  });

  test.each([
    [
      `${retrying} OSError('Tunnel connection failed: 407 Proxy Authentication Required'))': /simple/\n${nothing}`,
      "HTTP 407 Proxy Authentication Required",
    ],
    [
      `${retrying} NewConnectionError('<x>: Failed: [Errno 111] Connection refused'))': /simple/\n${nothing}`,
      "it can't be connected to",
    ],
    ["OSError: http://me:s3cret@p:2 is odd", "OSError: http://...@p:2 is odd"],
  ])("that can't be had names the proxy: %s", async (output, why) => {
    const { gate } = await fetching(output, "https://mirror/simple");
    expect(gate).toMatchObject({
      cure: "time",
      reason: `magnum-capi-helm can't be fetched: https://mirror/simple: ${why}, through the proxy http://p:2`,
      remedy: "does the model's proxy let pip through?",
    });
  });

  test("does not name it for an index that is reached directly", async () => {
    const { gate } = await fetching(nothing, "https://a/simple");
    expect(gate).toMatchObject({ reason: expect.not.stringContaining("proxy") });
  });

  test("that takes too long names the proxy", async () => {
    const { python, resource } = machine({ proxies });
    const slow = scriptedHost([
      (argv) => (argv.includes("download") ? { code: -1, timedOut: true } : undefined),
      python.program,
    ]);
    const report = await reconcile(slow, { resources: [resource], exitGates: [] }, "apply");
    expect(report.gates).toMatchObject([
      {
        reason: expect.stringMatching(
          /^fetching magnum-capi-helm took over 180 s: .*, through the proxy http:\/\/p:2$/,
        ),
      },
    ]);
  });
});

describe("pip that fails to install", () => {
  test.each([
    [
      "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
      "free space on that filesystem",
    ],
    ["ERROR: something else\nmore\n", "/usr/bin/python3 -m pip install says more"],
  ])("is a fault with the next step: %j", async (failure, remedy) => {
    const it = machine();
    it.python.failure = failure;
    expect(await applyAlone(it.host, it.resource)).toMatchObject({
      outcome: "failed",
      reason: `pip could not install magnum-capi-helm: ${failure.split("\n")[0]?.replace("ERROR: ", "")}`,
      remedy,
    });
  });
});

test("a Python that can't be asked is a fault, not an absent package", async () => {
  const host = scriptedHost([() => ({ code: 1, stderr: "Traceback\nImportError: broken\n" })]);
  const fault: unknown = await machine()
    .resource.observe(host)
    .catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(HostFault);
  expect(fault).toMatchObject({
    message: "/usr/bin/python3 could not be asked for magnum-capi-helm: ImportError: broken",
  });
});

describe("a package as it was before", () => {
  test("is nothing to do where it was never installed from here", async () => {
    const { host, python } = machine();
    install(python, "1.4.0");
    expect(await packageAsBefore(host, wanted, kept)).toEqual([]);
  });

  test("is uninstalled where it was installed from here", async () => {
    const it = machine();
    await apply(it);
    const [resource] = await packageAsBefore(it.host, wanted, kept);
    if (resource === undefined) throw new Error("nothing to do");
    expect(await applyAlone(it.host, resource)).toMatchObject({ outcome: "changed" });
    expect(pipCommands(it.host).at(-1)).toBe("uninstall --yes magnum-capi-helm");
    expect(await applyAlone(it.host, resource)).toMatchObject({ outcome: "unchanged" });
  });
});

describe("the package as something that a service reads", () => {
  test("has an identity that changes with every installation, and a time", async () => {
    const { host, python } = machine();
    const input = pipPackageInput(wanted);
    expect(await input.read(host)).toEqual({ digest: "absent", changedAt: 0 });
    python.installed = { version: "1.4.0", damaged: [], entryPoint: true, changedAt: 5 };
    expect(await input.read(host)).toEqual({ digest: "1.4.0@5", changedAt: 5 });
    python.installed.changedAt = 6;
    expect((await input.read(host)).digest).toBe("1.4.0@6");
  });

  test("has files to watch, none when it is not installed", async () => {
    const { host, python } = machine();
    expect(await packageFiles(host, wanted)).toEqual([]);
    install(python, "1.4.0");
    expect(await packageFiles(host, wanted)).toEqual([
      `${packageFolder}/magnum_capi_helm/driver.py`,
      `${packageFolder}/magnum_capi_helm-1.4.0.dist-info/RECORD`,
    ]);
  });
});
