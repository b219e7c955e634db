import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionContext, AgentState, StatusInfo } from "./agent-state.ts";
import { newAgentState } from "./agent-state.ts";
import { readCalls } from "./call-record.ts";
import { bundleFakeJuju } from "./fake-tools.ts";
import { runCommand } from "./run-command.ts";
import { readState, writeState } from "./state-file.ts";

interface Line {
  readonly juju: AgentState["juju"];
  readonly id: string;
  readonly argv: readonly [string, ...string[]];
  readonly state?: Partial<AgentState>;
  readonly stdin?: string;
  readonly env?: { readonly [name: string]: string | null };
  readonly stdout: string;
  readonly stderr: string;
  readonly rc: number;
  /** What changed: of secrets and statuses only the changed ones, of the running action only the changed fields. */
  readonly after: Partial<AgentState> & { readonly action?: Partial<ActionContext> };
}

const fixtures = join(import.meta.dirname, "../../fixtures/juju/hook-commands-");
const base = JSON.parse(readFileSync(`${fixtures}base-state.json`, "utf8")) as AgentState;
const transcripts = ["3.6", "4.0"].map((juju) => ({
  juju,
  lines: readLines(`${fixtures}juju-${juju}.jsonl`),
}));

/** The files that the recording found on its disk: its own state, which is no socket. */
const recorded = { exists: (path: string) => path.endsWith("/state.json") };

function readLines(file: string): readonly Line[] {
  const text = readFileSync(file, "utf8").trimEnd();
  return text.split("\n").map((line) => JSON.parse(line) as Line);
}

function stateBefore(line: Line): AgentState {
  const unit = {
    juju: line.juju,
    unit: base.unit,
    principal: base.principal,
    leader: true,
    settings: {},
    config: {},
  };
  return { ...newAgentState(unit), ...base, ...line.state, juju: line.juju };
}

function stateAfter(line: Line): AgentState {
  const before = stateBefore(line);
  const { action, secrets, ...changed } = line.after;
  const after: AgentState = { ...before, ...changed, secrets: { ...before.secrets, ...secrets } };
  if (action === undefined) return after;
  const running = before.context?.action;
  if (!before.context || !running) throw new Error(`the line ${line.id} changes an action and runs none`);
  return { ...after, context: { ...before.context, action: { ...running, ...action } } };
}

/** The recording leaves out empty status data and the label of a secret that has none. */
function comparable(state: AgentState): object {
  const bare = ({ status, message, data }: StatusInfo): object => ({ status, message, data: data ?? {} });
  return {
    ...state,
    "unit-status": bare(state["unit-status"]),
    "application-status": bare(state["application-status"]),
  };
}

function environment(line: Line): Record<string, string> {
  const usual: Record<string, string | null> = {
    JUJU_CONTEXT_ID: stateBefore(line).context?.id ?? "",
    JUJU_AGENT_SOCKET_ADDRESS: "/var/lib/juju/agents/unit-magnum-capi-helm-0/agent.socket",
    JUJU_AGENT_SOCKET_NETWORK: "unix",
    ...line.env,
  };
  return Object.fromEntries(
    Object.entries(usual).filter((pair): pair is [string, string] => pair[1] !== null),
  );
}

describe.each(transcripts)("the fake hook commands of Juju $juju", ({ juju, lines }) => {
  it.each(lines.map((line) => [line.id, line] as const))("answer the line %s as recorded", (_, line) => {
    const before = stateBefore(line);
    const [name, ...argv] = line.argv;
    const outcome = runCommand({ name, argv, env: environment(line), cwd: "/" }, before, recorded);

    expect({ stdout: outcome.stdout, stderr: outcome.stderr, rc: outcome.code }).toEqual({
      stdout: line.stdout,
      stderr: line.stderr,
      rc: line.rc,
    });
    expect(comparable({ ...before, ...outcome.changes })).toEqual(comparable(stateAfter(line)));
  });

  it("covers all lines that were recorded for these sixteen commands", () => {
    console.log(`Juju ${juju}: ${lines.length} recorded lines compared`);
    expect(lines.length).toBe(269);
    expect(new Set(lines.map(({ argv }) => argv[0])).size).toBe(16);
  });
});

describe("the fake hook commands as a process", () => {
  const folder = mkdtempSync(join(tmpdir(), "fake-juju-"));
  beforeAll(async () => writeFileSync(join(folder, "fake-juju.cjs"), await bundleFakeJuju()));
  afterAll(() => rmSync(folder, { recursive: true }));

  const ids = ["config-get-json", "config-get-smart", "config-get-unknown-flag", "secret-get-json-unicode"];
  ids.push(
    "secret-get-denied",
    "secret-get-key-missing",
    "status-set-newline",
    "juju-log-format",
    "no-context-id",
    "action-get-smart",
    "action-set-nested",
    "action-fail-newline",
    "resource-get-not-uploaded",
  );
  const chosen = transcripts.flatMap(({ juju, lines }) =>
    ids.map((id) => [juju, id, lines.find((line) => line.id === id)] as const),
  );

  it.each(chosen)("answer as recorded: Juju %s, line %s", (_juju, id, line) => {
    if (line === undefined) throw new Error(`no line ${id} in the transcript: name another`);
    writeState(join(folder, "state.json"), stateBefore(line));
    rmSync(join(folder, "calls.jsonl"), { force: true });
    const [name, ...argv] = line.argv;
    const done = spawnSync(process.execPath, [join(folder, "fake-juju.cjs"), folder, name, ...argv], {
      env: environment(line),
      encoding: "utf8",
      timeout: 20_000,
    });

    expect([done.stdout, done.stderr, done.status]).toEqual([line.stdout, line.stderr, line.rc]);
    expect(comparable(readState(join(folder, "state.json")))).toEqual(comparable(stateAfter(line)));
    expect(readCalls(join(folder, "calls.jsonl"))).toMatchObject([{ command: name, argv, code: line.rc }]);
  });
});
