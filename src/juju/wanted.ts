import type { Attachments } from "../conductor/attached.ts";
import type { Owner } from "../conductor/owner.ts";
import { committedWish, type Wish } from "../conductor/wish.ts";
import type { Host } from "../host/host.ts";
import { log } from "./announce.ts";
import { attachedFiles } from "./attached-files.ts";
import { type HookAnswer, hookCommand } from "./hook-command.ts";
import { type Asked, toldProxies } from "./quiet.ts";
import { isLate, type Kubeconfig, kubeconfigIn, type SecretTrouble, uriTrouble } from "./secret.ts";

/** What Juju asks for: the wish, or what keeps it from being one. */
type Wanted = { readonly uri: string } & ({ readonly wish: Wish } | { readonly trouble: SecretTrouble });

/** That Juju did not say in time what it wants. */
export const lateOptions: SecretTrouble = {
  cure: "time",
  reason: "config-get gave no answer within 60 s",
  remedy: "is the controller up?",
};

/** The hook or action that runs, without its folder; "" outside of one. */
export function hookName(): string {
  return process.env["JUJU_DISPATCH_PATH"]?.split("/").at(-1) ?? "";
}

/** The application that the hook runs for. */
export function appName(): string {
  return process.env["JUJU_UNIT_NAME"]?.split("/")[0] ?? "magnum-capi-helm";
}

/** The unit that the hook or action runs for. */
export function thisUnit(): Owner {
  return { charmDirectory: process.cwd(), unitName: process.env["JUJU_UNIT_NAME"] ?? "" };
}

function getSecret(uri: string): Promise<HookAnswer> {
  return hookCommand("secret-get", ["--format=json", "--refresh", uri]);
}

/** What the stub asked is taken if it is the kubeconfig; else Juju is asked (again), which says why not. */
async function readKubeconfig(host: Host, uri: string, asked: Asked): Promise<Kubeconfig> {
  const app = appName();
  const trouble = uriTrouble(uri, app);
  if (trouble !== undefined) return { trouble };
  const known = asked.secret?.uri === uri ? asked.secret.answer : undefined;
  const isEnough = known !== undefined && (known.code === 0 || isLate(known));
  const answer = isEnough ? known : await getSecret(uri);
  if (answer.code === 0) return kubeconfigIn(answer, uri, { app, isInForce: false });
  // A failed secret-get prints why, and nothing of the content.
  const [said = ""] = (answer.stderr ?? "").split("\n");
  await log("WARNING", `secret-get ended with ${answer.code}: ${said}`);
  const isInForce = (await committedWish(host))?.options["kubeconfig"] === uri;
  return kubeconfigIn(answer, uri, { app, isInForce });
}

type Given = Pick<Wish, "kubeconfig" | "attached"> | { readonly trouble: SecretTrouble };

/** What is given through Juju besides the options, all of it checked as far as a file alone can be; or why it is not. */
async function given(host: Host, uri: string, asked: Asked): Promise<Given> {
  const secret = uri === "" ? undefined : await readKubeconfig(host, uri, asked);
  if (secret !== undefined && "trouble" in secret) return secret;
  const files = await attachedFiles(host, appName(), { kubeconfig: uri === "" });
  if ("faults" in files) {
    const [first, ...more] = files.faults;
    // The first is logged where the status is set.
    for (const { reason, remedy } of more) await log("ERROR", `${reason}; next: ${remedy}`);
    return { trouble: first };
  }
  for (const note of files.notes) await log("WARNING", note);
  const text = secret?.text ?? files.kubeconfig;
  if (text !== undefined) return { kubeconfig: text, ...someOf(files.attached) };
  const trouble = uriTrouble("", appName());
  if (trouble === undefined) throw new Error("an empty option was taken for the URI of a secret");
  return { trouble };
}

function someOf(attached: Attachments): Pick<Wish, "attached"> {
  return Object.keys(attached).length === 0 ? {} : { attached };
}

function wishedProxies(told: string): Pick<Wish, "proxies"> {
  if (told === "") return {};
  const [http = "", https = "", no = ""] = JSON.parse(told) as readonly string[];
  return { proxies: { http, https, no } };
}

/** What Juju asks for. Throws where `config-get` itself failed; where it is late, that is a trouble. */
export async function wishOf(host: Host, asked: Asked): Promise<Wanted> {
  if (isLate(asked.config)) return { uri: "", trouble: lateOptions };
  if (asked.config.code !== 0) throw new Error(`config-get failed (${asked.config.code}): see above`);
  const { kubeconfig, ...rest } = JSON.parse(asked.config.stdout) as Record<string, unknown>;
  const uri = typeof kubeconfig === "string" ? kubeconfig : "";
  const found = await given(host, uri, asked);
  if ("trouble" in found) return { uri, trouble: found.trouble };
  const wish = {
    options: { ...rest, kubeconfig: uri },
    ...found,
    ...wishedProxies(toldProxies(process.env)),
    ...thisUnit(),
  };
  return { uri, wish };
}
