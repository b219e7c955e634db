import type { Checked } from "../conductor/upgrade-check.ts";
import type { Consequence, Planned } from "../management/upgrade-check.ts";
import type { Printed } from "./access.ts";
import type { Paint } from "./render.ts";
import type { Run } from "./request.ts";

/** What is planned, out of a command line. */
export function plannedBy(given: Run["given"]): Planned {
  const [driver, chart, capi] = [given.driver, given.chart, given.capi].map((it) =>
    it === undefined ? undefined : String(it),
  );
  return { driver, chart, capi };
}

const colours = { breaks: "red", degrades: "yellow", note: "dim" } as const;

function line({ effect, of, reason, remedy, isToday }: Consequence, color: Paint): string {
  const today = isToday ? " already" : "";
  const next = remedy === "" ? "" : `; next: ${remedy}`;
  return `${color(colours[effect], `${effect}${today}`)} ${of}: ${reason}${next}\n`;
}

/** What a plan comes to, for people and for pipelines. Pure. */
export function renderUpgradeCheck({ check, notAsked }: Checked, color: Paint): Printed {
  const { driver, chart, capi, breaks, isLive, consequences } = check;
  const basis = isLive ? "what the management cluster serves now" : `tables alone: ${notAsked}`;
  const planned = [
    `driver ${driver}`,
    `chart ${chart}`,
    ...(capi === undefined ? [] : [`Cluster API ${capi}`]),
  ];
  const lines = consequences.map((it) => line(it, color)).join("");
  const text = `${planned.join(", ")}, judged by ${basis}\n${lines}${breaks ? "" : "nothing breaks\n"}`;
  const document = {
    breaks,
    live: isLive,
    ...(notAsked === undefined ? {} : { "not-asked": notAsked }),
    driver,
    chart,
    ...(capi === undefined ? {} : { capi }),
    consequences: consequences.map(({ isToday, ...it }) => ({ ...it, "is-today": isToday })),
  };
  return { document, text, good: !breaks };
}
