import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { HookCall } from "../../support/juju/call-record.ts";
import type { Unit } from "../../support/juju/unit.ts";
import type { Conductor } from "../conductor.ts";
import { sh } from "../look.ts";
import { type Token, tokensIn } from "./tokens.ts";
import { traces } from "./traced.ts";

/** What a search found: where, and the names of the tokens there. */
export type Found = Readonly<Record<string, readonly string[]>>;

/** How much was searched. */
export interface Searched {
  readonly files: number;
  readonly journalEntries: number;
  /** Programs that were started, by the traces; and processes that ran at the time. */
  readonly programs: number;
  readonly processes: number;
  readonly calls: number;
}

/** Everything that was found, as `MODE OWNER:GROUP PATH` for a file, `call COMMAND`, `journal`, `process`, `juju`. */
export interface Result {
  readonly found: Found;
  readonly searched: Searched;
}

/** What the controller and the record of the stand-in for Juju hold: they are looked into entry by entry. */
const controller = "/var/lib/juju/fake";

const run = promisify(execFile);

function group(entries: readonly (readonly [where: string, tokens: readonly string[]])[]): Found {
  const found: Record<string, readonly string[]> = {};
  for (const [where, names] of entries) {
    if (names.length > 0) found[where] = [...new Set([...(found[where] ?? []), ...names])].toSorted();
  }
  return found;
}

/** Looks into every file but the kernel's, from this machine: there the patterns are nobody's argument. */
async function searchFiles(conductor: Conductor, tokens: readonly Token[]) {
  const { root } = conductor;
  const apart = ["/proc", "/sys", controller].map((path) => `-path .${path}`).join(" -o ");
  const list = `find . \\( ${apart} \\) -prune -o -type f -print0`;
  // A file, not a pipe: xargs has it read more than once.
  const folder = mkdtempSync(join(tmpdir(), "secrecy-"));
  const forms = join(folder, "forms");
  writeFileSync(forms, tokens.flatMap((it) => it.forms).join("\n"), { mode: 0o600 });
  const grep = `xargs -0 grep -slF -f ${forms} -- || [ $? = 123 ]`;
  const script = `cd ${root}/ && ${list} | tee >(tr -cd '\\0' | wc -c >&2) | ${grep}`;
  const options = { maxBuffer: 64 * 1024 * 1024 };
  const search = run("bash", ["-c", script], options);
  const { stdout, stderr } = await search.finally(() => rmSync(folder, { recursive: true }));
  const paths = stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(1)]));
  const entries = paths.map(async (path) => {
    const name = (await sh(conductor, `stat -c '%a %U:%G %n' '${path}'`)).trim();
    return [name, tokensIn(readFileSync(join(root, path), "latin1"), tokens)] as const;
  });
  return { files: Number(stderr.trim().split("\n").at(-1)), found: await Promise.all(entries) };
}

/** What Juju shows to others: its state but for the secrets that it keeps. */
function shownState({ root }: Conductor): string {
  const { secrets: _, ...shown } = JSON.parse(readFileSync(join(root, controller, "state.json"), "utf8"));
  return JSON.stringify(shown);
}

/** Looks everywhere: all files, the journal, all programs and processes, and all that went to and from Juju. */
export async function searchAll(conductor: Conductor, unit: Unit, tokens: readonly Token[]): Promise<Result> {
  const { files, found } = await searchFiles(conductor, tokens);
  const journal = await sh(conductor, "journalctl --output=export --all");
  const script = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; ls -d /proc/[0-9]* | wc -l";
  const processes = await sh(conductor, script);
  const programs = await sh(conductor, `cat ${traces}/* | grep -c 'execve(' || true`);
  const calls = await unit.calls();
  const inCall = (call: HookCall) =>
    [`call ${call.command}`, tokensIn(JSON.stringify(call), tokens)] as const;
  return {
    found: group([
      ...found,
      ["journal", tokensIn(journal, tokens)],
      ["process", tokensIn(processes, tokens)],
      ...calls.map(inCall),
      ["juju", tokensIn(shownState(conductor), tokens)],
    ]),
    searched: {
      files,
      journalEntries: journal.split("\n__CURSOR=").length,
      programs: Number(programs),
      processes: Number(processes.trim().split("\n").at(-1)?.replace(/^.*\0/, "")),
      calls: calls.length,
    },
  };
}
