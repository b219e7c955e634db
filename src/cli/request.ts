import { parseArgs } from "node:util";

const verbs = ["plan", "apply", "verify", "status", "remove"] as const;

/** What `capi-graft` can be asked to do. */
export type Verb = (typeof verbs)[number];

/** A command line, understood; or help; or wrong use with the reason. */
export type Request =
  | { readonly kind: "run"; readonly verb: Verb; readonly json: boolean; readonly config: string | undefined }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly reason: string };

/** The help text: fits a screen of 80 by 24. */
export const help = `capi-graft - keep the Cluster API driver grafted onto this Magnum conductor

usage: capi-graft VERB [--json] [--config FILE]

  plan      show what differs from the desired state, old and new; write nothing
  apply     bring the unit in line: change what differs, restart what must be
  verify    run every gate from the daemons' point of view; write nothing
  status    show what is installed and the last desired state
  remove    take back everything that was ever changed here

  --config FILE  options as YAML, named as in juju config; kubeconfig is the
                 path of a file. Without it: what Juju last applied here.
  --json         one JSON document on standard output, for pipelines
  --help         this text

exit code: 0 in line, 2 drift or a closed gate, 1 error, 64 wrong use
`;

function isVerb(text: string | undefined): text is Verb {
  return verbs.some((verb) => verb === text);
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
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return { kind: "help" };
    const [verb, ...rest] = positionals;
    if (!isVerb(verb)) return { kind: "wrong", reason: `a verb is needed: ${verbs.join(", ")}` };
    if (rest.length > 0) return { kind: "wrong", reason: `too much: ${rest.join(" ")}` };
    return { kind: "run", verb, json: values.json === true, config: values.config };
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
}
