import { closed, type GateState, open } from "../reconcile/gate.ts";
import type { Api, ApiFault } from "./api.ts";
import { apiResourcesOf, type Choice, choose, targetOf, type Wanted } from "./api-resources.ts";
import { judgeChart } from "./chart-contract.ts";
import { discover, type Served } from "./discovery.ts";
import {
  type Judgement,
  judgeKind,
  type KindVerdict,
  keyOf,
  type Readings,
  worstOf,
} from "./kind-verdict.ts";
import { type Fitness, isKnownChart, readsApiResources } from "./kinds.ts";
import { type Reading, readEach, type Target } from "./readable.ts";

/** What the driver and the chart can do with a management cluster. */
export interface Verdict {
  readonly state: Fitness;
  readonly kinds: readonly KindVerdict[];
  /** Whether all that the chart writes is served. */
  readonly chart: Judgement;
  /** What `api_resources` is to be: compact JSON. */
  readonly apiResources: string;
  /** What is not known, and what has no effect. */
  readonly notes: readonly string[];
}

/** A management cluster as it was found, with its verdict. */
export interface Survey {
  readonly served: Served;
  readonly readings: Readings;
  readonly verdict: Verdict;
}

function notesOf(served: Served, choices: readonly Choice[], readings: Readings, wanted: Wanted) {
  const { apiResources, driverVersion, chartName } = wanted;
  const forbidden = choices.filter((it) => readings.get(keyOf(targetOf(it)))?.state === "forbidden");
  const isTold = apiResources !== "auto" && Object.keys(apiResources).length > 0;
  return [
    ...served.stale.map((it) => `the API server knows only what was served of ${it}`),
    ...(forbidden.length === 0
      ? []
      : [`no right to list, so not tried: ${forbidden.map(({ kind }) => kind.name).join(", ")}`]),
    ...(isKnownChart(chartName) ? [] : [`what the chart ${chartName} writes is not known`]),
    ...(isTold && !readsApiResources(driverVersion)
      ? [`driver ${driverVersion} reads no api-resources`]
      : []),
  ];
}

function judgeChoices(
  choices: readonly Choice[],
  served: Served,
  readings: Readings,
  wanted: Wanted,
): Verdict {
  const kinds = choices.map((choice) => judgeKind(choice, served, readings, wanted));
  const chart = judgeChart(served, wanted);
  const { apiResources, driverVersion } = wanted;
  const isTold = apiResources !== "auto" && readsApiResources(driverVersion);
  return {
    state: worstOf<Judgement>(chart, ...kinds).state,
    kinds,
    chart,
    apiResources: isTold ? JSON.stringify(apiResources) : written(choices, driverVersion),
    notes: notesOf(served, choices, readings, wanted),
  };
}

function written(choices: readonly Choice[], driverVersion: string): string {
  return readsApiResources(driverVersion) ? apiResourcesOf(choices) : "{}";
}

const isBrokenIn = (readings: Readings) => (target: Target) =>
  readings.get(keyOf(target))?.state === "broken";

/**
 * Judges a management cluster by what it serves and what was read of it. With `auto` another safe version takes the
 * place of one that can't be read, but only where that makes it work: a webhook that is down for a while moves nothing.
 * Pure.
 */
export function judge(served: Served, readings: Readings, wanted: Wanted): Verdict {
  const verdict = judgeChoices(choose(served, wanted, isBrokenIn(readings)), served, readings, wanted);
  return verdict.state === "broken"
    ? judgeChoices(choose(served, wanted), served, readings, wanted)
    : verdict;
}

/** Reads what is chosen and not read yet, and what is chosen then. */
async function readChosen(
  api: Api,
  served: Served,
  wanted: Wanted,
  readings: Readings = new Map(),
): Promise<Readings | ApiFault> {
  const chosen = choose(served, wanted, isBrokenIn(readings)).filter(({ isServed }) => isServed);
  const targets = chosen.map(targetOf).filter((target) => !readings.has(keyOf(target)));
  if (targets.length === 0) return readings;
  const results = await readEach(api, targets);
  if ("fault" in results) return results;
  const read = targets.map((target, index): [string, Reading] => [keyOf(target), results[index] as Reading]);
  return await readChosen(api, served, wanted, new Map([...readings, ...read]));
}

/** Asks a management cluster what it serves, reads each kind at the version that is chosen, and judges it. */
export async function survey(api: Api, wanted: Wanted): Promise<Survey | ApiFault> {
  const served = await discover(api);
  if ("fault" in served) return served;
  const readings = await readChosen(api, served, wanted);
  if ("fault" in readings) return readings;
  return { served, readings, verdict: judge(served, readings, wanted) };
}

/** What is not as the driver has it by itself, in short. */
function shown({ apiResources, kinds }: Verdict): string {
  const told = Object.keys(JSON.parse(apiResources) as object);
  const own = kinds
    .filter(({ kind }) => told.includes(kind))
    .map(({ kind, version }) => `${kind} ${version}`);
  return own.length === 0 ? "at the driver's own versions" : own.join(", ");
}

/**
 * The state of the gate `management-api-versions`: broken is closed, for an operator unless time may cure it; degraded
 * is a note. Pure.
 */
export function verdictState(verdict: Verdict): GateState {
  const { state, kinds, chart } = verdict;
  if (state === "ready") return open(shown(verdict));
  const named = [...kinds.map((it) => ({ name: it.kind, ...it })), { name: "the chart", ...chart }];
  const [first, ...others] = named.filter((it) => it.state === state);
  if (first === undefined) throw new Error(`a verdict is ${state} for nothing`);
  const also = others.length === 0 ? "" : ` (also ${others.map(({ name }) => name).join(", ")})`;
  const needsOperator = [first, ...others].some(({ cure }) => cure === "operator");
  const cure = state === "degraded" ? "note" : needsOperator ? "operator" : "time";
  return closed(cure, `${first.reason}${also}`, first.remedy);
}
