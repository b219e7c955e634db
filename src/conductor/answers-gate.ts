import type { Host } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { apiService, asDaemon, type Conductor } from "./conductor.ts";
import program from "./http-look.py";
import { type Address, listenersOf } from "./listeners.ts";

/** An error that the API itself answers is believed when it is this old. */
const errorMs = 20_000;
/** It may load for so long before it listens or answers at all. */
const silenceMs = 60_000;
/** A clock that is set back meanwhile must not make this wait for ever. */
const mostLooks = 60;

type Answer = { readonly status: number } | { readonly error: string };

async function ask(host: Host, unit: Conductor, addresses: readonly Address[]): Promise<readonly Answer[]> {
  const argv = [...asDaemon(unit), unit.python, "-I", "-", JSON.stringify(addresses)];
  const result = await host.run(argv, { input: program, timeoutMs: 30_000 });
  if (result.ok) return JSON.parse(result.stdout) as readonly Answer[];
  const error = result.timedOut ? "no answer within 30 s" : (result.stderr.trim().split("\n").at(-1) ?? "");
  return addresses.map(() => ({ error }));
}

function urlOf({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What one look found, and up to which age of the process another look may find better. */
interface Look {
  readonly state: GateState;
  readonly patienceMs: number;
}

function nothing(service: string, what: string): Look {
  const logs = `journalctl -u ${service} -n 50`;
  return { state: closed("operator", `${service} ${what}`, logs), patienceMs: silenceMs };
}

function judgeAnswers(service: string, addresses: readonly Address[], answers: readonly Answer[]): Look {
  const said = answers.map((answer, index) => {
    const status = "status" in answer ? answer.status : undefined;
    const what = "status" in answer ? `HTTP ${answer.status}` : answer.error;
    return { status, text: `${urlOf(addresses[index] as Address)}: ${what}` };
  });
  const good = said.find(({ status }) => status !== undefined && status < 500);
  if (good !== undefined) return { state: open(good.text), patienceMs: 0 };
  const { state } = nothing(service, `does not answer: ${said.map(({ text }) => text).join(", ")}`);
  return { state, patienceMs: said.some(({ status }) => status !== undefined) ? errorMs : silenceMs };
}

async function look(host: Host, unit: Conductor, mainPid: number): Promise<Look> {
  const { tcp, unix } = await listenersOf(host, mainPid);
  if (tcp.length > 0) return judgeAnswers(apiService(unit), tcp, await ask(host, unit, tcp));
  if (unix.length > 0) return notChecked(`it listens on ${unix[0]}, not on TCP`);
  return nothing(apiService(unit), "listens on no TCP port");
}

function notChecked(reason: string): Look {
  return { state: { state: "not checked", reason }, patienceMs: 0 };
}

async function lookAt(host: Host, unit: Conductor, { load, active, mainPid }: UnitStatus): Promise<Look> {
  if (load === "masked") return notChecked("masked: the principal is paused");
  if (mainPid === 0) return notChecked(`${apiService(unit)} is not running (${active})`);
  return await look(host, unit, mainPid);
}

/**
 * The API's own socket answers HTTP with less than 500. uwsgi keeps its processes and answers 500 ("no python
 * application found") when it can't load the application; with a broken drop-in a request hangs. Waits for a young
 * process, at most until it is 60 s old.
 */
export function answersGate(unit: Conductor): Gate {
  const service = apiService(unit);
  return {
    id: `${service}-answers`,
    title: `${service} answers HTTP on its own socket`,
    check: async (host) => {
      for (let looks = 1; ; looks += 1) {
        const status = await showUnit(host, service);
        const { state, patienceMs } = await lookAt(host, unit, status);
        const age = host.now().getTime() - status.startedAt;
        const isLate = looks > 1 && (age >= patienceMs || looks >= mostLooks);
        if (state.state !== "closed" || isLate) return state;
        await host.sleep(1_000);
      }
    },
  };
}
