import { chartNotes } from "../management/chart-contract.ts";
import { closed, type Gate, open } from "../reconcile/gate.ts";
import type { Config } from "./config.ts";
import { leftOut, settingsAsOptions } from "./driver-values.ts";
import { endedCertificates } from "./openstack-ca.ts";

const ids = {
  known: "driver-options-known",
  valid: "openstack-ca-valid",
  used: "chart-options-used",
} as const;

/** Whether a trouble of this name is a note on an option, which stays until somebody changes that option. Pure. */
export function isOptionNote(source: string): boolean {
  return Object.values<string>(ids).includes(source);
}

/** What the chart makes of an option is the driver's and the chart's own affair, and nobody would expect it. */
function chartGate(config: Config): Gate {
  const settings = settingsAsOptions(config["capi-helm-options"], config["driver-version"]);
  const allowedCidrs = settings.find(({ name }) => name === "api_master_lb_allowed_cidrs")?.value ?? "";
  const chart = { chartName: config["chart-name"], chartVersion: config["chart-version"] };
  const [note] = chartNotes(chart, { allowedCidrs });
  return {
    id: ids.used,
    title: "the chart does what capi-helm-options say",
    check: async () => (note === undefined ? open() : closed("note", note, "other means")),
  };
}

/** Notes on options that are accepted, but do less than they say; none for options that are not set. */
export function optionNotes(config: Config): readonly Gate[] {
  const { "driver-version": version, "capi-helm-options": settings, "openstack-ca": pem } = config;
  const unknown = leftOut(settings, version);
  const known: Gate = {
    id: ids.known,
    title: "the driver knows all of capi-helm-options",
    check: async () => {
      if (unknown.length === 0) return open();
      const reason = `capi-helm-options: driver ${version} does not know ${unknown.join(", ")}`;
      return closed("note", reason, "take it out");
    },
  };
  const valid: Gate = {
    id: ids.valid,
    title: "no certificate of openstack-ca has ended",
    check: async (host) => {
      const ended = endedCertificates(pem, host.now());
      const more = ended.length > 1 ? ` and ${ended.length - 1} more` : "";
      if (ended.length === 0) return open();
      return closed("note", `openstack-ca: ${ended[0]}${more}`, "juju config openstack-ca=@FILE");
    },
  };
  return [...(settings.length === 0 ? [] : [known, chartGate(config)]), ...(pem === "" ? [] : [valid])];
}
