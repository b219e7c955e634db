/** The library: what another charm's author would use. */
export type { Attached, AttachedName, Attachments } from "./conductor/attached.ts";
export type * from "./conductor/conductor.ts";
export { findConductor } from "./conductor/conductor.ts";
export { type Config, parseConfig, type RawOptions, type Refusal } from "./conductor/config.ts";
export { desiredState, type Placement } from "./conductor/desired-state.ts";
export { apply, type Ending, plan, undo } from "./conductor/graft.ts";
export { type OptionDeclaration, type OptionName, optionDeclarations } from "./conductor/options.ts";
export { type RollbackTarget, rollback } from "./conductor/rollback.ts";
export type { Wish } from "./conductor/wish.ts";
export * from "./host/host.ts";
export { localHost } from "./host/local-host.ts";
export * from "./management/api.ts";
export type { ApiResources, Wanted as WantedOfManagement } from "./management/api-resources.ts";
export { type Connection, connect } from "./management/connection.ts";
export {
  judgeKubeconfig,
  type KubeconfigFinding,
  type Management,
  readManagement,
} from "./management/kubeconfig.ts";
export { type ConnectionStates, judgeConnection } from "./management/login.ts";
export { askPermissions, type PermissionsAnswer, permissionsState } from "./management/permissions.ts";
export { type Survey, survey, type Verdict, verdictState } from "./management/verdict.ts";
export { closed, type Gate, type GateResult, type GateState, judge, open } from "./reconcile/gate.ts";
export { planAll, planChange } from "./reconcile/plan.ts";
export { type DesiredState, type Progress, reconcile } from "./reconcile/reconcile.ts";
export { changesOf, inLine, type Outcome, type Report, type Trouble, troubles } from "./reconcile/report.ts";
export type { Change, Drift, Resource, ResourceId, State } from "./reconcile/resource.ts";
export { directory } from "./resources/directory.ts";
export { file, noFile } from "./resources/file.ts";
export { type HelmBinary, helmBinary } from "./resources/helm-binary.ts";
export { lineBlock, type Markers, noLineBlock } from "./resources/line-block.ts";
export { type Originals, originals } from "./resources/originals.ts";
export { type Owner, root } from "./resources/owner.ts";
export { type PipPackage, pipPackage } from "./resources/pip-package.ts";
export { type ServiceInput, service } from "./resources/service.ts";
