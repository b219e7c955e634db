import { parseArgs } from "node:util";
import { missingParts } from "../prerequisites.ts";
import { isRecipeName, type RecipeName } from "../recipe.ts";
import type { Victims } from "./fault-site.ts";
import {
  type Counted,
  commandOf,
  type Matrix,
  makeMatrix,
  type Point,
  sampleOf,
  type Verdict,
} from "./matrix.ts";
import { operations } from "./operations.ts";

const help = `npm run test:faults [-- OPTIONS]

Kills every operation of the charm at each call that changes a file or starts a program, on real conductors, and judges
the unit after one next run. All of it is some 5500 points, at about 20 s each and six at a time: half a day on two
cores (reckoned, not measured); --every 20 takes about half an hour, --sample 3 some minutes.

  --operation NAME   only this one (may be repeated): ${Object.keys(operations).join(", ")}
  --at N             only its N-th call (may be repeated)
  --who WHOM         all: kill all processes of the hook at once; one: the one that makes the call; power: cut the
                     machine's power, with what was not synced lost; without it the points take turns, all and one
  --every K          only every K-th call
  --sample N         only N calls of each, spread evenly over those that change a file: a test run has 2
  --side-by-side P   conductors at a time (default 6)
  --recipe NAME      bookworm (default) or trixie
  --count            count the calls and list them, kill nothing
`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Without a choice, the points take turns: a whole tree killed, then one process of it. */
function turn(at: number): Victims {
  return at % 2 === 0 ? "all" : "one";
}

async function runAll(matrix: Matrix, points: readonly Point[], sideBySide: number, counted: Counted) {
  const verdicts: Verdict[] = [];
  const left = [...points];
  const worker = async () => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      const verdict = await matrix.kill(point, counted);
      verdicts.push(verdict);
      tell(verdict);
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
  return verdicts;
}

function tell(verdict: Verdict): void {
  const { operation, at, who, call, state, faults, seconds } = verdict;
  const where = call === undefined ? "not reached" : `${call.program} ${call.call} ${call.about}`;
  say(
    `${faults.length === 0 ? "ok  " : "FAIL"} ${operation} ${at} ${who}: ${state}, ${seconds.toFixed(0)} s (${where})`,
  );
  for (const fault of faults) say(`     ${fault}`);
  if (faults.length > 0) say(`     ${commandOf(verdict)}`);
}

function summary(operation: string, verdicts: readonly Verdict[], calls: number, seconds: number): string {
  const count = (holds: (verdict: Verdict) => boolean) => verdicts.filter(holds).length;
  const clean = (state: Verdict["state"]) => count((it) => it.faults.length === 0 && it.state === state);
  const failures = count((it) => it.faults.length > 0);
  return `${operation}: ${calls} calls, ${verdicts.length} kill points: ${clean("new")} to the new state, ${clean("old")} to the old, ${failures} failures; ${seconds.toFixed(0)} s`;
}

interface Choice {
  readonly recipe: RecipeName;
  readonly names: readonly string[];
  readonly at: readonly number[];
  readonly who: Victims | undefined;
  readonly every: number;
  readonly sample: number;
  readonly sideBySide: number;
  readonly countOnly: boolean;
}

function pointsOf(operation: string, counted: Counted, choice: Choice): readonly Point[] {
  const { at, who, every, sample } = choice;
  const victims = Array.from({ length: sample }, (_, index) => who ?? turn(index));
  if (sample > 0) return sampleOf(operation, counted, victims);
  const numbers =
    at.length > 0
      ? at
      : Array.from({ length: Math.floor(counted.calls.length / every) }, (_, index) => (index + 1) * every);
  return numbers.map((number) => ({ operation, at: number, who: who ?? turn(number) }));
}

async function run(choice: Choice): Promise<number> {
  const lines: string[] = [];
  let failures = 0;
  const began = performance.now();
  const matrix = await makeMatrix(choice.recipe, choice.names);
  try {
    for (const operation of choice.names) {
      const start = performance.now();
      const counted = await matrix.count(operation);
      const { length } = counted.calls;
      if (choice.countOnly) {
        for (const { number, program, call, about } of counted.calls)
          say(`${operation} ${number} ${program} ${call} ${about}`);
        continue;
      }
      const verdicts = await runAll(matrix, pointsOf(operation, counted, choice), choice.sideBySide, counted);
      failures += verdicts.filter(({ faults }) => faults.length > 0).length;
      lines.push(summary(operation, verdicts, length, (performance.now() - start) / 1000));
      say(lines.at(-1) ?? "");
    }
  } finally {
    matrix.end();
  }
  say(`\n${lines.join("\n")}\nin all ${((performance.now() - began) / 60_000).toFixed(1)} min`);
  return failures === 0 ? 0 : 1;
}

function isVictims(who: string): who is Victims {
  return ["all", "one", "power"].includes(who);
}

function choose(): Choice | undefined {
  const { values } = parseArgs({
    options: {
      operation: { type: "string", multiple: true },
      at: { type: "string", multiple: true },
      who: { type: "string" },
      every: { type: "string", default: "1" },
      sample: { type: "string", default: "0" },
      "side-by-side": { type: "string", default: "6" },
      recipe: { type: "string", default: "bookworm" },
      count: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { who, recipe } = values;
  const wrong = !isRecipeName(recipe) || (who !== undefined && !isVictims(who));
  if (values.help || wrong) return undefined;
  return {
    recipe,
    names: values.operation ?? Object.keys(operations),
    at: (values.at ?? []).map(Number),
    who,
    every: Number(values.every),
    sample: Number(values.sample),
    sideBySide: Number(values["side-by-side"]),
    countOnly: values.count,
  };
}

const choice = choose();
const missing = missingParts();
if (choice === undefined) say(help);
else if (missing.length > 0) {
  say(`this machine can't boot a conductor, it lacks ${missing.join("; ")}`);
  process.exitCode = 1;
} else process.exitCode = await run(choice);
