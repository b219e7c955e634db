import { parseArgs } from "node:util";

const verbs = [
  "plan",
  "apply",
  "verify",
  "status",
  "show-effective-config",
  "restart-services",
  "heal-log",
  "rollback",
  "remove",
] as const;

/** What `capi-graft` can be asked to do. */
export type Verb = (typeof verbs)[number];

/** A verb with its options. */
export interface Run {
  readonly kind: "run";
  readonly verb: Verb;
  readonly json: boolean;
  readonly config: string | undefined;
  /** Of heal-log: how many records at most, and from when on (ISO). */
  readonly limit: number | undefined;
  readonly since: string | undefined;
  /** Of rollback: "previous", or a driver's version. */
  readonly to: string;
  /** Of restart-services: only those that have not read what is in force. */
  readonly deferredOnly: boolean;
}

/** A command line, understood; or help; or wrong use with the reason. */
export type Request = Run | { readonly kind: "help" } | { readonly kind: "wrong"; readonly reason: string };

/** The help text: fits a screen of 80 by 24. */
export const help = `capi-graft - keep the Cluster API driver grafted onto this Magnum conductor

usage: capi-graft VERB [--json] [--config FILE]

  plan                   show what differs, old and new; write nothing
  apply                  bring the unit in line: change and restart what must be
  verify                 run every gate as the daemons see it; write nothing
  status                 show what is installed and the last desired state
  show-effective-config  show options as the daemons resolve them, and whence
  restart-services       restart the services: proved before, watched after
  heal-log               show what was repaired here, why and how
  rollback               go back to an earlier state, and stay there
  remove                 take back everything that was ever changed here

  --config FILE          options as YAML, named as in juju config; kubeconfig is
                         the path of a file. Without it: what Juju last applied.
  --limit N, --since TIME  of heal-log: the last N records, those from TIME on
  --to previous|VERSION  of rollback: what was before, or another driver
  --deferred-only        of restart-services: only those with a deferred restart
  --json                 one JSON document on standard output, for pipelines
  --help                 this text

exit code: 0 in line, 2 drift or a closed gate, 1 error, 64 wrong use
`;

function isVerb(text: string | undefined): text is Verb {
  return verbs.some((verb) => verb === text);
}

/** Options that only some verbs take: which, and what their value has to be. */
const ofVerbs: Readonly<
  Record<string, { readonly verbs: readonly Verb[]; readonly value: string; fits(text: string): boolean }>
> = {
  limit: {
    verbs: ["heal-log"],
    value: "a number from 1 on",
    fits: (text) => /^[1-9]\d{0,8}$/.test(text),
  },
  to: {
    verbs: ["rollback"],
    value: "previous, or a driver's version such as 1.3.0",
    fits: (text) => text === "previous" || /^\d+\.\d+\.\d+$/.test(text),
  },
  since: {
    verbs: ["heal-log"],
    value: "an ISO time, such as 2026-03-01T12:00:00Z",
    fits: (text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
  },
};

function wrongOption(verb: Verb, values: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, option] of Object.entries(ofVerbs)) {
    const value = values[name];
    if (typeof value !== "string") continue;
    if (!option.verbs.includes(verb)) return `--${name} is for ${option.verbs.join(", ")}`;
    if (!option.fits(value)) return `--${name} is ${option.value}`;
  }
  return undefined;
}

/** Understands a command line. Pure. */
export function parseRequest(args: readonly string[]): Request {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        config: { type: "string" },
        limit: { type: "string" },
        since: { type: "string" },
        to: { type: "string" },
        "deferred-only": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return { kind: "help" };
    const [verb, ...rest] = positionals;
    if (!isVerb(verb)) return { kind: "wrong", reason: `a verb is needed: ${verbs.join(", ")}` };
    if (rest.length > 0) return { kind: "wrong", reason: `too much: ${rest.join(" ")}` };
    const reason = wrongOption(verb, values);
    if (reason !== undefined) return { kind: "wrong", reason };
    const { json = false, config, since, to = "previous" } = values;
    const limit = values.limit === undefined ? undefined : Number(values.limit);
    const deferredOnly = values["deferred-only"] === true;
    if (deferredOnly && verb !== "restart-services")
      return { kind: "wrong", reason: "--deferred-only is for restart-services" };
    return { kind: "run", verb, json, config, limit, since, to, deferredOnly };
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
}
