import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Conductor, type RecipeName, startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { sh } from "./look.ts";
import { issue, makeAuthority } from "./management/certificates.ts";
import { type Judged, judgeFrom } from "./management/judged.ts";
import { usualToken } from "./management/kubeconfig.ts";
import { type Form, formsFolder, formsOf } from "./management/kubeconfig-forms.ts";
import { mirror } from "./mirror.ts";

/** How somebody fares with a kubeconfig. */
type Outcome = "logs in" | "refuses it" | "no trust" | "no connection" | `status ${number}`;

/** What the driver's own client does with each file: it is Magnum's Python, as the daemon's user. */
const driverProgram = `
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import json
import magnum.conf
magnum.conf.CONF(["--config-file=/etc/magnum/magnum.conf"], project="magnum")
import magnum_capi_helm.conf
print(json.dumps([log_in(path, ["Cluster"]) for path in sys.argv[1:]]))
`;

interface Look {
  readonly error?: string;
  readonly kinds: Readonly<Record<string, { readonly status?: number; readonly error?: string }>>;
  readonly failure?: { readonly error: string };
}

function ofDriver({ error, kinds, failure }: Look): Outcome {
  const { status, error: ofKind } = kinds["Cluster"] ?? {};
  if (
    error !== undefined ||
    ofKind !== undefined ||
    failure?.error === "InvalidHeader" ||
    failure?.error === "OSError"
  )
    return "refuses it";
  if (failure !== undefined) return failure.error === "SSLError" ? "no trust" : "no connection";
  return status === 200 ? "logs in" : `status ${status ?? 0}`;
}

function ofHelm(code: number, stderr: string): Outcome {
  if (code === 0) return "logs in";
  if (/x509|tls:|certificate is valid for/.test(stderr)) return "no trust";
  if (/Unauthorized|must be logged in|asked for the client to provide credentials/.test(stderr))
    return "status 401";
  if (/forbidden/.test(stderr)) return "status 403";
  return /connection refused|proxyconnect/.test(stderr) ? "no connection" : "refuses it";
}

function ofUs(judged: Judged): Outcome {
  if ("finding" in judged) return "refuses it";
  const { tcp, tls, login } = judged.states;
  if (tcp.state !== "open") return "no connection";
  if (tls.state !== "open") return "no trust";
  return login.state === "open" ? "logs in" : "status 401";
}

interface Row {
  readonly form: Form;
  readonly driver: Outcome;
  readonly helm: Outcome;
  readonly ours: Outcome;
  readonly reason: string;
}

function shown(rows: readonly Row[]): string {
  const lines = rows.map(({ form, driver, helm, ours, reason }) =>
    [form.name.padEnd(42), driver.padEnd(14), helm.padEnd(14), ours.padEnd(14), reason].join(" | "),
  );
  return [
    ["form".padEnd(42), "driver".padEnd(14), "helm".padEnd(14), "ours".padEnd(14), "why"].join(" | "),
    ...lines,
  ].join("\n");
}

/** Every form of a kubeconfig, as the driver, helm and we read it, against a real API server. */
export function kubeconfigMatrixTests(recipe: RecipeName): void {
  describeRig(`the forms of a kubeconfig on ${recipe}`, () => {
    let conductor: Conductor;
    let rows: readonly Row[];
    let paths: readonly string[];

    async function drivers(paths: readonly string[], version = "1.4.0"): Promise<readonly Look[]> {
      const login = readFileSync(join(import.meta.dirname, "../../src/conductor/driver-login.py"), "utf8");
      const wheel = `${mirror.folder}/simple/magnum-capi-helm/magnum_capi_helm-${version}-py3-none-any.whl`;
      const argv = [
        "runuser",
        "-u",
        "magnum",
        "--",
        "env",
        `PYTHONPATH=${wheel}`,
        "HOME=/var/lib/magnum",
        "/usr/bin/python3",
        "-",
      ];
      const { code, stdout, stderr } = await conductor.exec([...argv, ...paths], {
        input: `${login}\n${driverProgram}`,
      });
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as readonly Look[];
    }

    async function helms(paths: readonly string[]): Promise<readonly Outcome[]> {
      const outcomes: Outcome[] = [];
      for (const path of paths) {
        const words = [
          "env",
          "HOME=/var/lib/magnum",
          "helm",
          "list",
          "--namespace",
          "magnum-none",
          "--kubeconfig",
          path,
        ];
        const { code, stderr } = await conductor.exec(["runuser", "-u", "magnum", "--", ...words]);
        outcomes.push(ofHelm(code, stderr));
      }
      return outcomes;
    }

    beforeAll(async () => {
      conductor = await startConductor({ recipe });
      const { management } = conductor;
      const { authority } = management.facts;
      const year2021 = new Date("2021-01-01T00:00:00Z");
      const other = await makeAuthority("/tmp", "another-authority");
      const own = { commonName: "magnum", organizations: ["rig:drivers"] };
      const client = await issue("/tmp", authority, own);
      const expired = await issue("/tmp", authority, {
        ...own,
        from: new Date("2020-01-01T00:00:00Z"),
        until: year2021,
      });
      const forms = formsOf({
        server: management.url,
        ca: authority.certificate,
        otherCa: other.certificate,
        client,
        expired,
      });
      await sh(
        conductor,
        `mkdir -p ${formsFolder} && tar -xzf ${mirror.folder}/helm/helm-v3.17.3-*.tar.gz -C /usr/local/bin --strip-components=1 --wildcards '*/helm'`,
      );
      const write = async (name: string, text: string) => {
        await conductor.exec(["tee", `${formsFolder}/${name}`], { input: text });
        await conductor.exec(["chown", "magnum:", `${formsFolder}/${name}`]);
        await conductor.exec(["chmod", "0600", `${formsFolder}/${name}`]);
      };
      await write("ca.crt", authority.certificate);
      await write("other.crt", other.certificate);
      await write("client.crt", client.certificate);
      await write("client.key", client.key);
      await write("token", usualToken);
      await write("bad-token", "no-such-token");
      paths = forms.map((_, index) => `${formsFolder}/kubeconfig-${index}`);
      for (const [index, { text }] of forms.entries()) await write(`kubeconfig-${index}`, text);
      const [byDriver, byHelm, byUs] = [
        await drivers(paths),
        await helms(paths),
        await judgeFrom(
          conductor,
          forms.map(({ text }) => text),
        ),
      ];
      rows = forms.map((form, index) => {
        const judged = byUs[index] as Judged;
        return {
          form,
          driver: ofDriver(byDriver[index] as Look),
          helm: byHelm[index] as Outcome,
          ours: ofUs(judged),
          reason: "finding" in judged ? judged.finding.reason : "",
        };
      });
      console.log(shown(rows));
    });
    afterAll(() => conductor?.down());

    const taken = () => rows.filter(({ ours }) => ours !== "refuses it");
    const logsIn = ({ driver, helm }: Row) => driver === "logs in" && helm === "logs in";

    it("what we take goes as far for the driver, for helm and for us", () => {
      expect(taken().length).toBeGreaterThan(8);
      expect(taken().filter(({ driver, helm, ours }) => driver !== ours || helm !== ours)).toEqual([]);
    });

    it("what we refuse one of the two can't use, but for files and programs that are on this unit by chance", () => {
      const refused = rows.filter(({ ours }) => ours === "refuses it");
      expect(refused.length).toBeGreaterThan(30);
      expect(refused.filter(logsIn).map(({ form }) => form.name)).toEqual(
        rows.filter(({ form }) => form.isStricter).map(({ form }) => form.name),
      );
    });

    it("driver 1.3.0 reads all of them in the same way", async () => {
      const older = (await drivers(paths, "1.3.0")).map(ofDriver);
      expect(older).toEqual(rows.map(({ driver }) => driver));
    });
  });
}
