import type { HookCommand } from "../hook-command.ts";
import { actionFail } from "./action-fail.ts";
import { actionGet } from "./action-get.ts";
import { actionLog } from "./action-log.ts";
import { actionSet } from "./action-set.ts";
import { applicationVersionSet } from "./application-version-set.ts";
import { configGet } from "./config-get.ts";
import { isLeader } from "./is-leader.ts";
import { jujuLog } from "./juju-log.ts";
import { relationGet, relationSet } from "./relation-data.ts";
import { relationIds, relationList } from "./relations.ts";
import { resourceGet } from "./resource-get.ts";
import { secretGet } from "./secret-get.ts";
import { statusGet, statusSet } from "./status.ts";

/** Every hook command that this stand-in has, by name. A new one needs a line here and lines of the transcript. */
export const allCommands: ReadonlyMap<string, HookCommand> = new Map([
  ["action-fail", actionFail],
  ["action-get", actionGet],
  ["action-log", actionLog],
  ["action-set", actionSet],
  ["application-version-set", applicationVersionSet],
  ["config-get", configGet],
  ["is-leader", isLeader],
  ["juju-log", jujuLog],
  ["relation-get", relationGet],
  ["relation-ids", relationIds],
  ["relation-list", relationList],
  ["relation-set", relationSet],
  ["resource-get", resourceGet],
  ["secret-get", secretGet],
  ["status-get", statusGet],
  ["status-set", statusSet],
]);
