import { closed, type GateState, open } from "../reconcile/gate.ts";
import { type Api, type ApiAnswer, type ApiFault, isFault } from "./api.ts";
import { placeOf } from "./connection-fault.ts";
import { expiries } from "./expiry.ts";
import type { Management } from "./kubeconfig.ts";

/** Whom an API server takes a credential for. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
}

/** How far the way to a management cluster goes, each part by itself. */
export interface ConnectionStates {
  readonly tcp: GateState;
  readonly tls: GateState;
  /** What answers is a Kubernetes API server, and it knows the credential. */
  readonly login: GateState;
  /** Absent where the server does not tell (before Kubernetes 1.28), or nobody is logged in. */
  readonly who?: Identity;
}

/** Whether somebody may do everything, whatever RBAC says. */
export function isAdmin({ groups }: Identity): boolean {
  return groups.includes("system:masters");
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function stateOf({ cure, reason, remedy }: ApiFault): GateState {
  return closed(cure, reason, remedy);
}

const notChecked = (reason: string): GateState => ({ state: "not checked", reason });

function withoutAnswer(fault: ApiFault): ConnectionStates {
  const state = stateOf(fault);
  if (fault.fault === "tcp")
    return { tcp: state, tls: notChecked("no connection"), login: notChecked("no connection") };
  if (fault.fault === "tls") return { tcp: open(), tls: state, login: notChecked("no trust") };
  return { tcp: open(), tls: open(), login: state };
}

/** The server's own words of a refusal are never told: they may hold anything. */
function messageOf({ body }: ApiAnswer): string {
  const { message } = fieldsOf(body);
  return typeof message === "string" ? message : "";
}

/**
 * Whether an answer is in the form of Kubernetes: its version, or one of its objects. Who stands before it may refuse a
 * login in a form of its own.
 */
function isKubernetes({ status, body }: ApiAnswer): boolean {
  const { gitVersion, kind, apiVersion } = fieldsOf(body);
  if (status === 401 && body !== undefined) return true;
  return typeof gitVersion === "string" || (typeof kind === "string" && typeof apiVersion === "string");
}

function strange({ status, contentType }: ApiAnswer, { server }: Management): GateState {
  const form =
    contentType
      .split(";")[0]
      ?.trim()
      .replaceAll(/[^\w/+.-]/g, "") ?? "";
  const told = [form, String(status)].filter((it) => it !== "").join(", ");
  const reason = `${placeOf(server)} is no Kubernetes API server (${told.slice(0, 60)})`;
  return closed("operator", reason, "look at the kubeconfig's server");
}

function busy({ status }: ApiAnswer, { server }: Management): GateState {
  return closed("time", `${placeOf(server)} answers ${status}`, "is the API server up?");
}

/** Why a credential is refused: what the driver sends has ended, or else somebody has taken it back. */
function refused(management: Management, now: Date): GateState {
  const ended = expiries(management, now).find(
    ({ what, daysLeft }) => what !== "certificate authority" && daysLeft < 0,
  );
  const what = management.certificate === undefined ? "token" : "client certificate";
  const why =
    ended === undefined
      ? "it is revoked, or of another cluster"
      : `it ended on ${ended.until.toISOString().slice(0, 10)}`;
  return closed("operator", `login refused: ${what} of the kubeconfig (${why})`, "renew the kubeconfig");
}

/** A certificate that the server never saw, since something before it ends TLS. */
function nobody(management: Management): GateState {
  const what = management.certificate === undefined ? "token" : "client certificate";
  const reason = `the API server does not see the kubeconfig's ${what}`;
  return closed("operator", reason, "no balancer may end TLS");
}

const anonymous = "system:anonymous";

function identityOf({ body }: ApiAnswer): Identity | undefined {
  const { username, groups } = fieldsOf(fieldsOf(fieldsOf(body)["status"])["userInfo"]);
  if (typeof username !== "string") return undefined;
  return {
    user: username.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200),
    groups: Array.isArray(groups) ? groups.filter((it) => typeof it === "string") : [],
  };
}

/** Asks who we are; where the server has no such question, whether something is allowed, which needs a login too. */
async function askWho(api: Api): Promise<ApiAnswer | ApiFault> {
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const first = await api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review);
  if (isFault(first) || first.status !== 404) return first;
  return await api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { nonResourceAttributes: { path: "/version", verb: "get" } },
  });
}

/** What an answer says of the login, where it says no more than that. */
function refusalIn(answer: ApiAnswer, management: Management, now: Date): GateState | undefined {
  const { status } = answer;
  if (status === 429 || status >= 500) return busy(answer, management);
  if (!isKubernetes(answer)) return strange(answer, management);
  return status === 401 ? refused(management, now) : undefined;
}

function loginState(
  answer: ApiAnswer,
  management: Management,
  now: Date,
): Pick<ConnectionStates, "login" | "who"> {
  const { status } = answer;
  const refusal = refusalIn(answer, management, now);
  if (refusal !== undefined) return { login: refusal };
  const who = status === 403 ? undefined : identityOf(answer);
  // Who may not even ask is logged in all the same, unless nobody is.
  if (who?.user === anonymous || (status === 403 && messageOf(answer).includes(anonymous)))
    return { login: nobody(management) };
  if (who === undefined) return { login: open() };
  return { login: open(isAdmin(who) ? `${who.user}, who may do everything` : who.user), who };
}

/**
 * Follows the way to a management cluster: a connection, TLS, a Kubernetes API server behind it, a login. What comes
 * after a closed part is not checked. Two requests.
 */
export async function judgeConnection(
  api: Api,
  management: Management,
  now: Date,
): Promise<ConnectionStates> {
  const version = await api.get("/version");
  if (isFault(version)) return withoutAnswer(version);
  const stands = { tcp: open(), tls: open() };
  const refusal = refusalIn(version, management, now);
  if (refusal !== undefined) return { ...stands, login: refusal };
  const answer = await askWho(api);
  if (isFault(answer)) return withoutAnswer(answer);
  return { ...stands, ...loginState(answer, management, now) };
}
