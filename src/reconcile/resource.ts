import type { Host } from "../host/host.ts";
import type { Gate } from "./gate.ts";

/** Names one thing on a machine: its kind, and which, `file:/etc/magnum/kubeconfig`. */
export type ResourceId = `${string}:${string}`;

/** Flat, comparable and printable. A secret appears as a digest only. */
export type State = Readonly<Record<string, string | number | boolean>>;

/** One key that differs, with what was found and what is wanted; `undefined` where there is none. */
export interface Drift {
  readonly key: string;
  readonly observed: State[string] | undefined;
  readonly desired: State[string] | undefined;
}

/** What has to happen to one resource, and why. */
export interface Change {
  readonly id: ResourceId;
  readonly action: "create" | "update" | "delete";
  readonly drift: readonly Drift[];
}

/**
 * One thing that a machine should have. A kind of resource writes `observe` and `apply` and nothing else: the diff,
 * the order, the gates, the second look and the report are written once, in this folder.
 */
export interface Resource {
  readonly id: ResourceId;
  /** The keys that are held; `observe` may report more of them, for people to read. */
  readonly desired: State | "absent";
  /** Judged before anything at all is written, when this resource is to change. One closed refuses the whole run. */
  readonly preflight?: readonly Gate[];
  /** Judged just before this resource is applied, when those before it are in place. One closed holds it back. */
  readonly gates?: readonly Gate[];
  /**
   * Closed while this resource is left as it is whatever its other gates say: judged before those, which may wait, and
   * by a plan too.
   */
  readonly deferral?: Gate;
  /** Resources whose change makes this one change as well: a plan says so beforehand. */
  readonly follows?: readonly ResourceId[];
  /** Whether a look and a repair take milliseconds: a heal then does both before it looks at anything else. */
  readonly quick?: true;
  /** Reads only. */
  observe(host: Host): Promise<State | "absent">;
  /** May write; never judges its own success, since the machine is observed again afterwards. */
  apply(host: Host, change: Change): Promise<void>;
}
